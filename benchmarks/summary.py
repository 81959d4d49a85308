"""One table of what all benchmarks measured: what, our figure, the peer's or the limit's in the same run, ratio, bar.

Reads the file that `--json` fills. A ratio says how many times as good ours is as what stands beside it (1 is as good, more
is better, whether less or more of the unit is wanted). What was not measured, or whose peer is not installed, is shown as
absent and never as zero. `check` holds the ratios of a run against those of another.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.table import table

LOSS = 0.25
HEAD = ("what", "command", "unit", "medcli", "beside", "its figure", "ratio", "bar", "met")
Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line.

    Attributes
    ----------
    benchmark, what, unit
        `python -m benchmarks` BENCHMARK measured WHAT in UNIT.
    ours, theirs
        Figures of the same run; None where not measured.
    beside
        The peer or the physical limit.
    bar
        What `ours` (or, with `of_ratio`, the ratio) has to reach; None where nothing was asked.
    less
        Whether less of the unit is better.
    guarded
        Whether `check` fails when the ratio is lost: not for quality, which tests hold.
    """

    benchmark: str
    what: str
    unit: str
    ours: float | None
    beside: str = ""
    theirs: float | None = None
    bar: float | None = None
    less: bool = False
    of_ratio: bool = False
    guarded: bool = True

    @property
    def ratio(self) -> float | None:
        """How many times as good ours is."""
        if not self.ours or not self.theirs:
            return None
        return self.theirs / self.ours if self.less else self.ours / self.theirs

    @property
    def met(self) -> str:
        """``yes``, ``NO``, or nothing where there is no bar or no figure."""
        value = self.ratio if self.of_ratio else self.ours
        if self.bar is None or value is None:
            return ""
        return (
            "yes" if (value <= self.bar if self.less and not self.of_ratio else value >= self.bar) else "NO"
        )


def _by(rows: list[Facts], **wanted: object) -> Facts:
    return next((row for row in rows if all(row.get(key) == value for key, value in wanted.items())), {})


def _startup(facts: Facts) -> Iterator[Figure]:
    seen = facts["cpu_seconds"]
    for name, cpu in seen.items():
        if "medcli" in name:
            bare = seen["python -c pass"]
            yield Figure("startup", name, "CPU-s", cpu, "python -c pass", bare, 0.3, less=True)


def _scrub_speed(facts: Facts) -> Iterator[Figure]:
    for group, bar in (("small", 500), ("512x512", 250)):
        rows = [row for row in facts["rows"] if row["set"] == group]
        ours = _by(rows, program="medcli scrub, 1 worker").get("files_per_cpu_second")
        for peer in (
            "file copy",
            "pydicom read and write",
            "dicom-anonymizer",
            "dicognito",
            "deid",
            "gdcmanon",
        ):
            theirs = _by(rows, program=peer).get("files_per_cpu_second")
            of = bar if peer.startswith("pydicom") else None
            yield Figure("scrub_speed", f"scrub, {group}", "files/CPU-s", ours, peer, theirs, of)
    for pair in facts["workers"]:
        what = f"scrub, {pair['set']}, 2 workers"
        yield Figure("scrub_speed", what, "of 1's CPU", pair["cpu_ratio"], bar=1.1, less=True)
        yield Figure("scrub_speed", what, "times as fast", pair["wall_ratio"], bar=1.6)


def _scrub_residue(facts: Facts) -> Iterator[Figure]:
    rows = facts["rows"]
    ours = _by(rows, program="medcli basic")
    for peer in ("dicom-anonymizer", "dicognito", "gdcmanon"):
        theirs = _by(rows, program=peer)
        yield Figure(
            "scrub_residue",
            "canaries left, but technical",
            "%",
            _left(ours),
            peer,
            _left(theirs),
            0,
            less=True,
            guarded=False,
        )


def _left(row: Facts) -> float | None:
    return 100 * (row["left"] - row["technical"]) / row["planted"] if row else None


def _scrub_memory(facts: Facts) -> Iterator[Figure]:
    for row in facts["rows"]:
        peak = max(row["driver_mib"], row["worker_mib"])
        yield Figure("scrub_memory", f"scrub, {row['set']}", "MiB, peak", peak, bar=200, less=True)


def _ask_speed(facts: Facts) -> Iterator[Figure]:
    for title, kept in facts.items():
        times = kept.get("times") if isinstance(kept, Mapping) else None
        if not times:
            continue
        count, pictures = int(title.split()[0]), int(title.split()[2])
        cpu = {way: median(pair[1] for pair in pairs) for way, pairs in times.items()}
        bars = {"one by one": 4.0, "sorted batches": 2.8} if count > pictures else {"sorted batches": 0.97}
        for way, bar in bars.items():
            yield Figure(
                "ask_speed",
                f"ask, {count // pictures} a picture",
                "CPU-s",
                cpu["medcli"],
                f"transformers, {way}",
                cpu[way],
                bar,
                less=True,
                of_ratio=True,
            )
    outside = facts.get("overhead_percent")
    yield Figure("ask_speed", "ask, outside the model", "% of its time", outside, bar=10, less=True)
    start = facts.get("start_up", {})
    yield Figure(
        "ask_speed",
        "ask, to the first token",
        "CPU-s",
        start.get("medcli cpu"),
        "bare transformers",
        start.get("script cpu"),
        1 / 1.5,
        less=True,
        of_ratio=True,
    )


def _text_speed(facts: Facts) -> Iterator[Figure]:
    figures = facts["figures"]
    peer = figures.get("Presidio, no model") or (None, None)
    for name in ("medcli, balanced", "medcli, high"):
        start, rate, *_ = figures[name]
        yield Figure("text_speed", f"recognisers, {name[8:]}", "texts/CPU-s", rate, "Presidio", peer[1], 1000)
        what = f"recognisers, {name[8:]}, start-up"
        yield Figure("text_speed", what, "CPU-s", start, "Presidio", peer[0], 0.15, less=True)


def _gate_speed(facts: Facts) -> Iterator[Figure]:
    for kind, (cost, _) in facts["figures"].items():
        bar = None if kind == "long" else 1.0
        yield Figure("gate_speed", f"gate, {kind} questions", "CPU-ms", cost, bar=bar, less=True)


def _download_speed(facts: Facts) -> Iterator[Figure]:
    wall, cpu, line = (facts.get(name, {}) for name in ("wall", "cpu", "slow_wall"))
    bare = "medcli, --no-decode"
    for what, times, own, peer, bar in (
        ("download, --no-decode", wall, bare, "curl --parallel", 0.5),
        ("download, 50 MB/s and 40 ms", line, bare, "curl --parallel", 0.9),
        ("download, decoding", wall, "medcli", "Pillow, decoding only", 0.8),
        ("download, by CPU", cpu, bare, "img2dataset", 1.0),
    ):
        unit = "CPU-s" if times is cpu else "s"
        yield Figure(
            "download_speed", what, unit, times.get(own), peer, times.get(peer), bar, less=True, of_ratio=True
        )


def _client_speed(facts: Facts) -> Iterator[Figure]:
    cpu, rate = facts["cpu_ms"], facts["requests_a_second"]
    own = next(iter(cpu))
    for peer in list(cpu)[1:]:
        yield Figure("client_speed", "a chat completion", "CPU-ms", cpu[own], peer, cpu[peer], 0.6, less=True)
    yield Figure("client_speed", "chat completions, one process", "a second", rate[own], bar=1200)


def _instruct_speed(facts: Facts) -> Iterator[Figure]:
    cpu, peak = facts["planning"][-1]
    yield Figure("instruct_speed", "generate-instruct, planning", "CPU-s", cpu, bar=10, less=True)
    yield Figure("instruct_speed", "generate-instruct, planning", "MiB, peak", peak, less=True)
    for name, cost in facts["each"].items():
        yield Figure("instruct_speed", f"generate-instruct, {name} a figure", "CPU-ms", cost, less=True)


def _evaluate_speed(facts: Facts) -> Iterator[Figure]:
    costs, share = facts["costs"], facts["rows"] / 1_000_000
    ours = costs["llava-med and strict"]
    peer = "nltk's four BLEU calls alone"
    yield Figure(
        "evaluate_speed",
        f"evaluate, {facts['rows']:,} answers",
        "CPU-s",
        ours["cpu"],
        peer,
        costs[peer]["cpu"],
        400 * share,
        less=True,
    )
    size = ours["bytes"] / 2**20
    yield Figure("evaluate_speed", "evaluate, peak", "MiB", size, bar=1024, less=True)


def _evaluate_report(facts: Facts) -> Iterator[Figure]:
    for name in ("opened", "filtered"):
        yield Figure("evaluate_report", f"report {name}", "ms", facts[f"{name}_ms"], bar=1000, less=True)


def _pixels_cost(facts: Facts) -> Iterator[Figure]:
    bars = {"look 512": 0.6, "whole 512": 2.5, "look 2048": 10, "whole 2048": 35}
    for name, bar in bars.items():
        yield Figure("pixels_cost", f"pixels, {name} px", "CPU-s", facts.get(name), bar=bar, less=True)


def _pixels_recall(facts: Facts) -> Iterator[Figure]:
    for group, share in sorted(facts["found"].items()):
        yield Figure("pixels_recall", f"text found, {group}", "share", share, guarded=False)


def _engine_scale(facts: Facts) -> Iterator[Figure]:
    for row in facts["runs"]:
        rate = row["items"] / row["wall"]
        yield Figure("engine_scale", f"driver, {row['run']}", "items/s", rate, bar=5000)


def _ray_overhead(facts: Facts) -> Iterator[Figure]:
    alone = median(facts["processes"]) if facts["processes"] else None
    yield Figure("ray_overhead", "process runner, empty items", "items/s", alone, bar=20_000)
    ours, theirs = (median(facts[name]) if facts[name] else None for name in ("medcli_on_ray", "ray"))
    yield Figure(
        "ray_overhead", "Ray runner, empty items", "items/s", ours, "Ray's calls", theirs, 0.6, of_ratio=True
    )


READERS: dict[str, Callable[[Facts], Iterator[Figure]]] = {
    "startup": _startup,
    "scrub_speed": _scrub_speed,
    "scrub_residue": _scrub_residue,
    "scrub_memory": _scrub_memory,
    "ask_speed": _ask_speed,
    "text_speed": _text_speed,
    "gate_speed": _gate_speed,
    "download_speed": _download_speed,
    "client_speed": _client_speed,
    "instruct_speed": _instruct_speed,
    "evaluate_speed": _evaluate_speed,
    "evaluate_report": _evaluate_report,
    "pixels_cost": _pixels_cost,
    "pixels_recall": _pixels_recall,
    "engine_scale": _engine_scale,
    "ray_overhead": _ray_overhead,
}


def figures(measured: Mapping[str, Facts]) -> list[Figure]:
    """The lines of all benchmarks that were measured."""
    return [line for name, read in READERS.items() if name in measured for line in read(measured[name])]


def shown(lines: list[Figure], missing: list[str]) -> str:
    """The table, and which benchmarks are absent from it."""
    rows = [
        (
            one.what,
            one.benchmark,
            one.unit,
            _number(one.ours),
            one.beside,
            _number(one.theirs) if one.beside else "",
            "" if one.ratio is None else f"{one.ratio:.2f}",
            _bar(one),
            one.met,
        )
        for one in lines
    ]
    absent = f"\n\nNot measured in this run: {', '.join(missing)}." if missing else ""
    return table(HEAD, rows) + absent


def _number(value: float | None) -> str:
    if value is None:
        return "absent"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _bar(one: Figure) -> str:
    if one.bar is None:
        return ""
    sign = ">=" if one.of_ratio or not one.less else "<="
    return f"{sign} {one.bar:,.3g}" + (" (ratio)" if one.of_ratio else "")


def losses(before: list[Figure], after: list[Figure]) -> list[str]:
    """What is lost by more than a quarter against an earlier run; a line for each.

    Compared are ratios to what was measured in the same run, for absolute figures are the machine's.
    """
    known = {(one.benchmark, one.what, one.unit, one.beside): one for one in before if one.guarded}
    found = []
    for one in after:
        old = known.get((one.benchmark, one.what, one.unit, one.beside))
        if old is None or old.ratio is None or one.ratio is None:
            continue
        if one.ratio < old.ratio * (1 - LOSS):
            found.append(
                f"{one.what} ({one.benchmark}), beside {one.beside}: {old.ratio:.2f} before, {one.ratio:.2f} now"
            )
    return found


def kept(lines: list[Figure]) -> str:
    """The lines as JSON, one a line, to be committed and compared with."""
    return "[\n" + ",\n".join(json.dumps(asdict(one)) for one in lines) + "\n]\n"


def read(path: Path) -> dict[str, Facts]:
    """What `--json` kept.

    Raises
    ------
    SystemExit
        If it is not there.
    """
    try:
        found: dict[str, Facts] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        sys.exit(f"{path}: {error.strerror}. `make bench` writes it.")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.summary", description=__doc__)
    parser.add_argument("measured", type=Path, help="file that --json filled")
    parser.add_argument("--check", type=Path, metavar="KEPT", help="fail where a ratio of KEPT is lost")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write the lines here, to be committed")
    arguments = parser.parse_args()
    measured = read(arguments.measured)
    lines = figures(measured)
    if arguments.keep:
        arguments.keep.write_text(kept(lines), encoding="utf-8")
    if not arguments.check:
        print(shown(lines, [name for name in READERS if name not in measured]))
        return
    before = [Figure(**row) for row in json.loads(arguments.check.read_text(encoding="utf-8"))]
    compared = sum(one.ratio is not None for one in lines)
    found = losses(before, lines)
    print("\n".join(found) or f"No ratio of {compared} is lost by more than {LOSS:.0%}.")
    if not compared:
        sys.exit("Nothing was measured beside a peer: there is nothing to compare.")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
