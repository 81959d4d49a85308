"""What came of a run: rows turned into the catalogue's lines, decisions into counts, counts into words.

Knows where a run's products lie and what people and programs are told of them. Refuses to make any of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from medcli import console
from medcli.jobs import Report, Row
from medcli.privacy import report
from medcli.privacy.catalogue import Catalogue, Line
from medcli.privacy.places import Places
from medcli.privacy.policy import Policy
from medcli.privacy.statements import DICOMDIR, DUPLICATE, IGNORED, RELEASED, STAGED, WITHHELD

__all__ = ["Result", "lines", "recount", "summarise", "table", "told"]

#: Reasons that mean that a proof failed: the run ends with exit code 6.
ALARMS = frozenset(
    ("residue", "unsound", "pixels-changed", "text-not-examined", "detector-failed", "text-left-in-pixels")
)
_STATUS = {
    ("done", "released"): STAGED,
    ("skipped", "ignored"): IGNORED,
    ("skipped", "dicomdir"): DICOMDIR,
}
_SHOWN = {
    RELEASED: "released",
    DUPLICATE: "duplicates",
    IGNORED: "ignored",
    DICOMDIR: "DICOMDIR",
    WITHHELD: "withheld",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What a command came to.

    Attributes
    ----------
    exit_code
        As the command's.
    facts
        For ``--json``.
    text
        For the terminal.
    warnings
        What a person should think of, one sentence or two each.
    """

    exit_code: int
    facts: Mapping[str, object]
    text: str
    warnings: tuple[str, ...] = ()


def lines(rows: Iterable[tuple[int, Row]], number: int) -> Iterator[Line]:
    """The catalogue's lines for the rows of run `number`."""
    before, place = -1, 0
    for seq, row in rows:
        place = place + 1 if seq == before else 0
        before = seq
        known: dict[str, Any] = json.loads(row.value.partition(b"\n")[0]) if row.value else {}
        get = known.get
        status = _STATUS.get((row.state, row.kind), WITHHELD)
        reason = row.kind if status == WITHHELD else get("reason", "")
        yield Line(
            row.key,
            get("item", row.key),
            number,
            seq,
            place,
            status,
            reason,
            get("instance", ""),
            get("content", ""),
            get("study", ""),
            get("owner", ""),
            get("patient", ""),
            get("series", ""),
            get("mirror", ""),
            get("sha256", ""),
            get("size", 0),
            get("route", ""),
            get("own", ""),
        )


def recount(counted: Report, catalogue: Catalogue, number: int) -> None:
    """Bring the engine's counts, which know rows one by one, in line with the decisions over all of them."""
    by_status = catalogue.counts(number, "status")
    by_status.pop(STAGED, None)
    counted.failed = by_status.pop(WITHHELD, 0)
    counted.done = by_status.get(RELEASED, 0)
    counted.skipped = sum(by_status.values()) - counted.done
    counted.kinds = by_status | catalogue.reasons(number, WITHHELD)
    if ALARMS & counted.kinds.keys():
        counted.refuse()


def summarise(counted: Report, catalogue: Catalogue, number: int, policy: Policy) -> dict[str, Any]:
    """The run in numbers: ``summary.json``, and ``--json``."""
    routes = catalogue.counts(number, "route")
    shift = {"date_shift": list(policy.date_shift)} if policy.dates == "MODIFIED" else {}
    return {
        **report.method(policy, texts=catalogue.holds_texts()),
        **shift,
        "exit_code": counted.exit_code,
        "items": counted.items,
        "from_earlier_runs": counted.resumed,
        "status": catalogue.counts(number, "status"),
        "withheld": catalogue.reasons(number, WITHHELD),
        "ignored": catalogue.reasons(number, IGNORED),
        "route": routes,
        "fallbacks": routes.get("pydicom", 0),
        "bytes": counted.bytes,
    }


def warnings(policy: Policy) -> Iterator[str]:
    """What the options together give away."""
    if {"uids", "modified-dates"} <= policy.retain:
        yield (
            "UIDs that are kept often hold the date of the study, or the patient's identifier: beside shifted dates"
            " (--retain modified-dates) they can tell every offset."
        )


def table(summary: Mapping[str, Any]) -> str:
    """The short table for the terminal."""
    status = summary["status"]
    rows = [
        (name, f"{status.get(key, 0):,}")
        for key, name in _SHOWN.items()
        if key in status or key in (RELEASED, WITHHELD)
    ]
    rows += [(f"  {reason}", f"{count:,}") for reason, count in summary["withheld"].items()]
    if links := summary["ignored"].get("symlink"):
        rows.append(("links, which are not followed", f"{links:,}"))
    for kind, count in summary.get("pixels_of_released", {}).items():
        rows.append((f"pixels {kind}", f"{count:,}"))
    if unmet := summary.get("decisions_without_image"):
        rows.append(("decisions that fit no image", f"{unmet:,}"))
    if summary["from_earlier_runs"]:
        rows.append(("from earlier runs", f"{summary['from_earlier_runs']:,}"))
    rows.append(("seconds", f"{summary['seconds']:.1f}"))
    return console.table(rows)


def told(summary: Mapping[str, Any], places: Places) -> str:
    """What a person at the terminal is told in the end."""
    claim = summary["hipaa_safe_harbor"]
    because = f": {'; '.join(claim['because'])}" if claim["because"] else ""
    harbor = "claimed" if claim["claimed"] else "not claimed"
    if claim["claimed"] and not summary["status"].get(RELEASED):
        harbor = "nothing was released that could claim it"
    why = f"Withheld      why: {places.confidential}/files.csv; what to do: docs/privacy.md#reason-codes"
    return "\n".join(
        (
            table(summary),
            "",
            f"Release       {places.release}",
            f"Manifest      {places.manifest}",
            f"Confidential  {places.confidential} (key, files.csv, report.jsonl, summary.json)",
            f"Safe Harbor   {harbor}{because}",
            *((why,) if summary["status"].get(WITHHELD) else ()),
        )
    )
