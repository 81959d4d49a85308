"""``--score``: how much of a labelled set the recognisers find, and how much they take that should stay.

Knows which options shape what is found. Refuses to show a text: the table holds numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medcli import console
from medcli.privacy.outcome import Result
from medcli.privacy.spec import ScrubSpec
from medcli.privacy.text.finder import Finder
from medcli.privacy.text.known import Known
from medcli.privacy.text.score import COLUMNS, read_gold, score

__all__ = ["measure"]

#: Keys of a gold line that are no identity of the patient.
_LABELS = frozenset(("text", "spans", "keep", "known"))


def measure(spec: ScrubSpec) -> Result:
    """Hold what is found in a labelled set against its labels.

    Known identity is taken from the fields of each line, from its key ``known`` (category -> values), and from
    ``--known`` where it holds for everybody.

    Raises
    ------
    InputError
        Where the set can't be read.
    """
    assert spec.score is not None
    policy = spec.text()
    general = Known((category, value) for subject, category, value in policy.known if not subject)
    fields = dict(policy.known_fields)

    def known(row: Mapping[str, Any]) -> Known:
        own = Known.from_record({name: value for name, value in row.items() if name not in _LABELS}, fields)
        given = row.get("known")
        named = Known.from_record(given, fields) if isinstance(given, dict) else Known()
        return Known.union((general, own, named))

    finder = Finder(sensitivity="high" if policy.sensitivity == "high" else "balanced")
    scores = score(read_gold(spec.score), finder, known)
    facts = {"finder": finder.version, **scores.as_dict(), "exit_code": 0}
    over = [(name.replace("_", " "), _share(value)) for name, value in scores.over().items()]
    lines = [tuple(COLUMNS), *(tuple(map(_cell, line)) for line in scores.lines())]
    text = "\n".join((_columns(lines), "", console.table([("texts", f"{scores.texts:,}"), *over])))
    return Result(0, facts, text)


def _cell(value: object) -> str:
    return _share(value) if value is None or isinstance(value, float) else f"{value}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _columns(lines: list[tuple[str, ...]]) -> str:
    """Rows of cells, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
