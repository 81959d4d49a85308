"""`medcli download list`: the datasets that are known, or what licences mean here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from medcli import console
from medcli.data import licenses
from medcli.data.datasets.registry import datasets
from medcli.data.options import amount
from medcli.data.result import Result
from medcli.settings import option


@dataclass(frozen=True, slots=True)
class ListSpec:
    """What is listed."""

    licenses: bool = option(
        "Show which licence passes which wish of --license instead.", default=False, only_typed=True
    )


def listing(spec: ListSpec) -> Result:
    """Return the table, and the same as facts."""
    if spec.licenses:
        rows = list(licenses.table().values())
        cells = [
            (
                row["code"],
                *("yes" if licenses.passes(row["code"], wish) else "no" for wish in licenses.WISHES),
                row["redistribution"],
                row["changes"],
            )
            for row in [*rows, {"code": "any other, or none", "redistribution": "?", "changes": "?"}]
        ]
        head = ("license_code", *licenses.WISHES, "redistribution", "changes")
        return Result(0, {"licenses": [dict(row) for row in rows]}, console.table(cells, header=head))
    known = datasets().values()
    cells = [(one.name, one.gate, _size(one.bytes), one.license) for one in known]
    text = console.table(cells, header=("name", "gate", "size", "license"))
    signs = [f"{one.name}: sign {one.sign}; {one.home}" for one in known if one.sign]
    facts: dict[str, Any] = {"datasets": [asdict(one) for one in known]}
    return Result(0, facts, "\n".join([text, "", *signs]))


def _size(count: int) -> str:
    if not count:
        return "?"
    return amount(count)
