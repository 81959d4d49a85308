"""``--score``: how much of a labelled set the recognisers find, and how much they take that should stay.

Knows which options shape what is found. Refuses to show a text: the table holds numbers.
"""

from __future__ import annotations

from medcli import console
from medcli.privacy.outcome import Result
from medcli.privacy.spec import ScrubSpec
from medcli.privacy.text.finders import find_all, finder_of
from medcli.privacy.text.known import Known
from medcli.privacy.text.recognisers import recognisers_of
from medcli.privacy.text.score import COLUMNS, Gold, read_gold, score

__all__ = ["measure"]

#: Keys of a gold line that are no identity of the patient.
_LABELS = frozenset(("text", "spans", "keep", "known"))


def measure(spec: ScrubSpec) -> Result:
    """Hold what is found in a labelled set against its labels.

    Known identity is taken from the fields of each line, from its key ``known`` (category -> values), from ``--known``
    where it holds for everybody, and from the spans that ``--score-known`` names. Detectors and the user's recognisers
    take part.

    Raises
    ------
    InputError
        Where the set can't be read.
    SafetyRefused
        A detector failed.
    """
    assert spec.score is not None
    policy = spec.text()
    general = Known((category, value) for subject, category, value in policy.known if not subject)
    fields = dict(policy.known_fields)

    def known(item: Gold) -> Known:
        own = Known.from_record(
            {name: value for name, value in item.row.items() if name not in _LABELS}, fields
        )
        given = item.row.get("known")
        named = Known.from_record(given, fields) if isinstance(given, dict) else Known()
        return Known.union((general, own, named, Known(item.facts(spec.score_known))))

    finder, recognisers = finder_of(policy), recognisers_of(policy.recognisers)
    scores = score(
        read_gold(spec.score),
        lambda text, known: find_all(finder, recognisers, [text], known)[0],
        known,
    )
    facts = {"finder": finder.version, "fed": list(spec.score_known), **scores.as_dict(), "exit_code": 0}
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
