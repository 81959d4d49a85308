"""What 1,000, a million and a hundred million items cost: docs/scaling.md's tables, from benchmarks/scaling.toml.

Multiplies and adds, and says of each figure whether it was measured, published, computed or assumed. Measures nothing.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.table import table

FACTS = Path(__file__).with_name("scaling.toml")
PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
SIZES = (1_000, 1_000_000, 100_000_000)
NONE = {"value": 0}
KINDS = ("measured", "published", "computed", "assumed")
HEAD = (
    "job", "items", "in", "out", "ledger and reports", "core-hours", "GPU-hours", "one driver, hours", "store requests",
    "compute, USD", "services, USD", "requests, USD", "a month's storage, USD",
)  # fmt: skip
HEAD_FACTS = ("job", "figure, an item", "value", "kind", "from")
NAMES = {
    "cpu": "CPU-seconds", "driver": "of them in the driver", "gpu": "GPU-seconds", "bytes_in": "bytes read",
    "bytes_out": "bytes written", "state": "bytes of books", "gets": "GETs", "puts": "PUTs and LISTs",
    "fee": "USD to a service",
}  # fmt: skip


def cost(job: Mapping[str, Any], price: Mapping[str, Any], items: int) -> dict[str, float]:
    """What a job of so many items needs: bytes, hours, requests, dollars."""
    of = {name: job.get(name, NONE)["value"] * items for name in NAMES}
    dollars = {name: one["value"] for name, one in price.items()}
    return {
        "in": of["bytes_in"],
        "out": of["bytes_out"],
        "state": of["state"],
        "core_hours": of["cpu"] / 3600,
        "gpu_hours": of["gpu"] / 3600,
        "driver_hours": of["driver"] / 3600,
        "requests": of["gets"] + of["puts"],
        "compute": of["cpu"] / 3600 * dollars["core_hour"] + of["gpu"] / 3600 * dollars["gpu_hour"],
        "asking": (of["gets"] * dollars["thousand_gets"] + of["puts"] * dollars["thousand_puts"]) / 1000,
        "fee": of["fee"],
        "storage": (of["bytes_out"] + of["state"]) / 1e9 * dollars["gb_month"],
    }


def rows(facts: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The table's rows."""
    for job in facts["job"].values():
        for items in SIZES:
            of = cost(job, facts["price"], items)
            yield (
                job["title"] if items == SIZES[0] else "",
                f"{items:,}",
                *(size(of[name]) for name in ("in", "out", "state")),
                *(number(of[name]) for name in ("core_hours", "gpu_hours", "driver_hours", "requests")),
                *(number(of[name]) for name in ("compute", "fee", "asking", "storage")),
            )


def sources(facts: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Where each figure is from."""
    for job in facts["job"].values():
        for place, (name, shown) in enumerate(NAMES.items()):
            if (one := job.get(name)) is None:
                continue
            yield "" if place else job["title"], shown, f"{one['value']:,}", one["kind"], one["from"]
    for name, one in facts["price"].items():
        yield "prices", name.replace("_", " "), f"{one['value']:,} {one['unit']}", one["kind"], one["from"]


def size(count: float) -> str:
    """Bytes in a decimal unit."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.0f} PB" if count >= 10 else f"{count:.2g} PB"


def number(count: float) -> str:
    """Two digits or three, or all before the point."""
    return f"{count:,.0f}" if count >= 100 else f"{count:.2g}" if count else "0"


def weave(page: str, facts: Mapping[str, Any]) -> str:
    """The page with its computed parts written anew."""
    parts = {"costs": table(HEAD, list(rows(facts))), "figures": table(HEAD_FACTS, list(sources(facts)))}
    for name, text in parts.items():
        marks = re.compile(f"(<!-- computed: {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        page = marks.sub(lambda found, text=text: f"{found[1]}\n{text}\n{found[2]}", page)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--facts", type=Path, default=FACTS, help="your own figures (benchmarks/scaling.toml)"
    )
    parser.add_argument(
        "--page", type=Path, help="page whose computed parts are written anew: docs/scaling.md"
    )
    arguments = parser.parse_args()
    facts = tomllib.loads(arguments.facts.read_text(encoding="utf-8"))
    if arguments.page is None:
        print(table(HEAD, list(rows(facts))))
        return
    page = arguments.page.read_text(encoding="utf-8")
    arguments.page.write_text(weave(page, facts), encoding="utf-8")


if __name__ == "__main__":
    main()
