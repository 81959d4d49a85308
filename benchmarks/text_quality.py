"""Recall and over-redaction of the recognisers on questions to a model, along the thresholds of names and places.

A span of identity is found where at least 99 % of its characters are covered. A text is touched where anything is found
in one that holds no identity. The points of `--sensitivity balanced` and `high` are named; those between and beyond move
the thresholds alone. No identity is fed as known. The questions stand in `clinical_questions.txt`.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from benchmarks.table import keep, table
from medcli.privacy.text import names, places_cities
from medcli.privacy.text.finder import Finder
from medcli.privacy.text.score import Gold, Scores, score
from medcli.privacy.text.span import Span

QUESTIONS = Path(__file__).with_name("clinical_questions.txt")
MARK = re.compile(r"\[\[([A-Z]+):([^\]|]*)(?:\|([^\]]*))?\]\]")
#: Of these sets no miss was ever told to whoever wrote the rules.
UNSEEN = (3, 8)
HEAD = (
    "point",
    "names from",
    "cities from",
    "recall, %",
    "of names, %",
    *(f"recall in set {number}, %" for number in UNSEEN),
    "touched, %",
    *(f"touched in set {number}, %" for number in UNSEEN),
)
#: Sensitivity, and how far both thresholds are moved from its own.
POINTS = (
    ("balanced", 1.0),
    ("balanced", 0.5),
    ("balanced", 0.0),
    ("balanced", -0.4),
    ("high", 0.4),
    ("high", 0.0),
    ("high", -0.4),
)


def sets() -> list[list[Gold]]:
    """The sets of the file, marks read."""
    found: list[list[Gold]] = []
    for line in QUESTIONS.read_text(encoding="utf-8").splitlines():
        if line.startswith("# set"):
            found.append([])
        elif not line.startswith("#"):
            found[-1].append(_gold(line))
    return found


def _gold(line: str) -> Gold:
    text, spans, last = "", [], 0
    for mark in MARK.finditer(line):
        text += line[last : mark.start()]
        identity = mark[3] or mark[2]
        start = len(text) + mark[2].index(identity)
        spans.append(Span(start, start + len(identity), mark[1]))
        text += mark[2]
        last = mark.end()
    return Gold(text + line[last:], tuple(spans))


def at(questions: list[Gold], sensitivity: str, moved: float) -> tuple[Scores, float, float]:
    """Scores at a point of the curve, and the two thresholds."""
    name = "_HIGH" if sensitivity == "high" else "_BALANCED"
    own = {module: getattr(module, name) for module in (names, places_cities)}
    try:
        for module, value in own.items():
            setattr(module, name, value + moved)
        finder = Finder(sensitivity="high" if sensitivity == "high" else "balanced")
        return (
            score(questions, lambda text, known=None: finder.find(text, known)),
            own[names] + moved,
            own[places_cities] + moved,
        )
    finally:
        for module, value in own.items():
            setattr(module, name, value)


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}" if whole else ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.text_quality", description=__doc__)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    groups = sets()
    everything = [gold for group in groups for gold in group]
    spans = sum(len(gold.spans) for gold in everything)
    free = sum(not gold.spans for gold in everything)
    unseen = [groups[number - 1] for number in UNSEEN]
    print(
        f"Questions. {len(everything)} in {len(groups)} sets, {spans} spans of identity, {free} questions without; "
        + ", ".join(
            f"set {number} has {sum(len(gold.spans) for gold in group)} and {sum(not gold.spans for gold in group)}"
            for number, group in zip(UNSEEN, unseen, strict=True)
        )
        + "\n"
    )
    lines = []
    for sensitivity, moved in POINTS:
        scores, people, cities = at(everything, sensitivity, moved)
        others = [at(group, sensitivity, moved)[0] for group in unseen]
        lines.append(
            (
                f"**{sensitivity}**" if not moved else f"{sensitivity} {moved:+.1f}",
                f"{people:.2f}",
                f"{cities:.2f}",
                percent(sum(scores.full.values()), sum(scores.gold.values())),
                percent(scores.full["NAME"], scores.gold["NAME"]),
                *(percent(sum(other.full.values()), sum(other.gold.values())) for other in others),
                percent(scores.touched, scores.free),
                *(percent(other.touched, other.free) for other in others),
            )
        )
    print(table(HEAD, lines))
    keep(arguments.json, "text_quality", {"points": [dict(zip(HEAD, line, strict=True)) for line in lines]})


if __name__ == "__main__":
    main()
