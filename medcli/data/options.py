"""Options that several ``medcli download`` commands have, each written once; a Spec calls them for its fields."""

from __future__ import annotations

import re
from typing import Any

from medcli.data import licenses, services
from medcli.jobs.shards import shard_of
from medcli.settings import option

ALLOWED = ("retracted", "non-open")
_SIZES = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def rate(text: str) -> float:
    """Read ``20M`` or ``512Ki`` as bytes a second.

    >>> rate("2.5M")
    2500000.0
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kmg]i?)?b?", text.strip().lower())
    if not found or not float(found[1]):
        raise ValueError("a number above 0 with k, M or G is needed, as in 20M")
    return float(found[1]) * _SIZES[found[2] or ""]


def amount(count: float) -> str:
    """Write bytes as ``2.5 GB``, ``12 MB`` or ``7 kB``."""
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def output(*, urls: bool = False) -> Any:
    """``--output``."""
    more = " Or a URL, as s3://bucket/pmc, with --state on this machine." if urls else ""
    about = "Folder that is filled; made where missing." + more
    return option(about, metavar="DIR", shapes_product=False, urls=urls)


def license_wish() -> Any:
    """``--license``."""
    return option(
        "Which licences are wanted: those that allow commercial use; those and the non-commercial ones of Creative"
        " Commons; any.",
        default="any",
        choices=licenses.WISHES,
    )


def allow() -> Any:
    """``--allow``."""
    return option(
        "Also fetch articles that are retracted, or not open access (repeatable).",
        default=(),
        choices=ALLOWED,
    )


def concurrency() -> Any:
    """``--concurrency``."""
    return option(
        "Requests to one host at a time, at most; how many there are follows what it bears. On a cluster, of each"
        " worker.",
        default=32,
        metavar="N",
        minimum=1,
        maximum=256,
        shapes_product=False,
    )


def bandwidth() -> Any:
    """``--bandwidth``."""
    return option(
        "Bytes a second at most, as 20M; on a cluster, of each worker. Default: no limit.",
        default=None,
        metavar="RATE",
        parse=rate,
        shapes_product=False,
    )


def timeout() -> Any:
    """``--timeout``."""
    return option(
        "Seconds that a server may send nothing, or next to nothing.",
        default=30.0,
        metavar="SECONDS",
        minimum=0.1,
        shapes_product=False,
    )


def base_url() -> Any:
    """``--base-url``."""
    return option(
        f"Another address of a service, for mirrors: {', '.join(services.DEFAULTS)} (repeatable).",
        default=(),
        metavar="NAME=URL",
        parse=services.parse,
        shapes_product=False,
    )


def state() -> Any:
    """``--state``."""
    return option(
        "Folder of plan and ledger; put it on a local disk. Default: .medcli in --output.",
        default=None,
        metavar="DIR",
        shapes_product=False,
    )


def shard() -> Any:
    """``--shard``."""
    return option(
        "Fetch only part I of N, counted from 0: whole articles, by their numbers; medcli merge joins the parts.",
        default=None,
        metavar="I/N",
        parse=shard_of,
        shapes_product=False,
        only_typed=True,
    )


def retry_failed() -> Any:
    """``--retry-failed``."""
    return option(
        "Also fetch again what failed before.", default=False, shapes_product=False, only_typed=True
    )


def restart() -> Any:
    """``--restart``."""
    return option(
        "Begin anew: what is there and right is kept, all else fetched again.",
        default=False,
        shapes_product=False,
        only_typed=True,
    )


def dry_run() -> Any:
    """``--dry-run``."""
    return option("Say what is missing; fetch nothing.", default=False, shapes_product=False, only_typed=True)
