"""``medcli scrub``: options to a Spec, the domain's work, its words or one JSON document."""

from __future__ import annotations

import click

from medcli import console
from medcli.commands.options import from_spec
from medcli.privacy.spec import ScrubSpec


@click.command(
    epilog="Exit codes: 0 all released, 1 a mistake in medcli, 2 usage, 3 set-up, 4 input unusable, 5 some files withheld, 6 identity was"
    " still found or a check failed (withheld), 130 interrupted: the same command resumes."
)
@from_spec(ScrubSpec)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    allow_from_autoenv=False,
    help="Print one JSON document instead of a table.",
)
def scrub(spec: ScrubSpec, *, as_json: bool) -> int:
    """De-identify DICOM files by PS3.15 Annex E, and texts: JSON, JSON lines, tables, XML, plain text.

    Each SOURCE (a file, a folder with all that is in it, a zip or tar archive) is read and never changed. What may be
    released goes to --output under derived names; all that links it to the input goes to the confidential folder
    beside it.

    \b
    medcli scrub inbox --output release
    medcli scrub inbox --output release --retain modified-dates --crosswalk
    medcli scrub notes.jsonl --fields text,caption --output release
    medcli scrub --verify release
    medcli scrub --explain PatientName
    medcli scrub --score gold.jsonl
    """  # noqa: D301 - click's mark for lines that stay as they are
    from medcli.privacy.job import perform

    result = perform(spec, console.Bar("Scrubbing", unit="file"))
    console.document(result.facts) if as_json else console.out(result.text)
    for warning in result.warnings:
        console.note(f"Warning: {warning}")
    return result.exit_code
