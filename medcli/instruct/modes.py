"""Which options say something to generation, to checks of what exists, and to a clinical tree; and what contradicts.

An option that a mode does not use is refused where it was typed, and passed over where the environment or the
settings file brought it (``medcli.commands.options``). Knows names and values; refuses to open files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from medcli.instruct.kinds import weights_of
from medcli.jobs import choice

if TYPE_CHECKING:
    from medcli.instruct.spec import InstructSpec

_OF_ASKING = [
    "model",
    "kind",
    "max_samples",
    "inline_mentions",
    "domain",
    "license",
    "drop_duplicates",
    "shuffle",
    "decontaminate",
    "decontaminate_images",
    "prompts",
    "examples",
    "structured",
    "temperature",
    "max_new_tokens",
    "judge",
    "blind",
    "base_url",
    "rpm",
    "tpm",
    "max_cost",
    "prices",
    "batch",
    "cache",
    "concurrency",
    "runner",
    "ray_address",
    "ray_workers",
    "ray_cpus",
    "timeout",
    "gate_pixels",
    "dry_run",
    "shard",
    "state",
    "retry_failed",
    "restart",
]
_OF_GATE = ["gate", "detector", "trust_host"]
_OF_CHECKS = ["language", "skip_check"]


def mode_of(values: Mapping[str, Any]) -> str:
    """``generate``, ``check`` or ``logic``."""
    return "check" if values["check_only"] else "logic" if values["logic"] else "generate"


def idle(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the options that say nothing beside the others, and the words for why.

    Parameters
    ----------
    values : mapping
        All options' values, by their names in the Spec.
    """
    mode = mode_of(values)
    if mode == "check":
        kept = {"decontaminate", "decontaminate_images"}
        names = [*(name for name in _OF_ASKING if name not in kept), "format", "logic", "labels", "split"]
        return dict.fromkeys(names, "says nothing to --check-only") | (
            {} if values["repair"] else {"output": "needs --repair beside --check-only"}
        )
    if mode == "logic":
        names = [*_OF_ASKING, *_OF_GATE, *_OF_CHECKS, "captions", "repair"]
        return dict.fromkeys(names, "says nothing to --logic")
    found = dict.fromkeys(("labels", "split"), "belongs to --logic")
    found |= choice.idle(values)
    found |= {"repair": "belongs to --check-only"}
    found |= {"retry_failed": "says nothing beside --restart"} if values["restart"] else {}
    if not values["decontaminate"]:
        found["decontaminate_images"] = "belongs to --decontaminate"
    if not values["images"]:
        found["gate_pixels"] = "belongs to --images"
    return found


def contradictions(spec: InstructSpec) -> Iterator[tuple[object, str, str]]:
    """Yield whether something is wrong, a sentence and a hint."""
    if spec.mode == "check":
        yield spec.repair and not spec.output, "--repair needs --output.", "Name the file that it writes."
    elif spec.mode == "logic":
        yield not spec.labels, "--logic needs --labels.", "Name the table of pictures and their states."
        yield not spec.output, "--output is missing.", "Name the file that the conversations go to."
    else:
        yield from _of_generation(spec)
    yield (
        spec.gate == "off" and (spec.detector or spec.gate_pixels != "auto"),
        "--gate off leaves nothing for --detector and --gate-pixels.",
        "Leave them out.",
    )


def _of_cluster(spec: InstructSpec) -> Iterator[tuple[object, str, str]]:
    if spec.runner != "ray":
        return
    yield spec.ray_address.startswith("ray://"), *choice.NO_CLIENT
    for name, value in (
        ("max-cost", spec.max_cost is not None),
        ("cache", spec.cache),
        ("batch", spec.batch),
    ):
        yield (
            value and (spec.ray_workers or 1) > 1,
            f"--{name} is kept by one worker.",
            "Leave it out, or say --ray-workers 1.",
        )


def _of_generation(spec: InstructSpec) -> Iterator[tuple[object, str, str]]:
    yield not spec.captions, "CAPTIONS is missing.", "Name the file of captions."
    yield (
        not spec.output and not spec.dry_run,
        "--output is missing.",
        "Name the file that the conversations go to.",
    )
    yield (
        spec.shard and (spec.max_samples is not None or spec.dry_run),
        "--shard asks a part of all captions: --max-samples and --dry-run count over the whole.",
        "Shorten the file of captions, or choose by --domain and --license.",
    )
    yield not spec.model, "--model is missing.", "Name the model, as the server knows it."
    weights_of(spec.kind)  # raises
    yield (
        not all(_is_address(url) for url in spec.base_url),
        "--base-url begins with http:// or https://, and names a host.",
        "As http://127.0.0.1:8000/v1",
    )
    yield (
        any("@" in url.partition("//")[2].partition("/")[0] for url in spec.base_url),
        "--base-url holds a user or a password, which others could read.",
        "Leave it out, and set MEDCLI_API_KEY, or MEDCLI_API_KEY_FILE.",
    )
    for name in ("temperature", "max_cost", "timeout"):
        value = getattr(spec, name)
        shown = name.replace("_", "-")
        yield value is not None and not math.isfinite(value), f"--{shown} is a number, from 0.", ""
    yield from _of_cluster(spec)
    yield (
        spec.batch and len(spec.base_url) > 1,
        "--batch goes to one server.",
        "Give one --base-url.",
    )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port beyond 65535, half a bracket
        return False
