"""``medcli merge``: joins runs with ``--shard``, whichever command they are of."""

from __future__ import annotations

from importlib import import_module

import click

from medcli import console
from medcli.commands.options import from_spec
from medcli.jobs.joining import Joined, MergeSpec, job_of

JOINS = {
    "ask": "medcli.ask.merging",
    "generate-instruct": "medcli.instruct.merging",
    "scrub": "medcli.privacy.merging",
    "download images": "medcli.data.merging",
    "download articles": "medcli.data.merging",
}
"""Name of a job to the module that joins its runs, by its function ``join``."""


@click.command(
    epilog="Exit codes: those of the command that is merged; 2 not all shards of one plan, 4 a run is not finished or not there."
)
@from_spec(MergeSpec)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    allow_from_autoenv=False,
    help="Print one JSON document instead of a table.",
)
def merge(spec: MergeSpec, *, as_json: bool) -> int:
    """Join the shards of one run of scrub, ask, download or generate-instruct.

    The product is the one that a run without --shard gives. The runs are read and not changed.

    \b
    medcli merge part0.jsonl.run part1.jsonl.run --output answers.jsonl
    medcli merge parts/* --output release
    medcli merge parts/* --output pmc
    """  # noqa: D301 - Click wants the character
    found: Joined = import_module(JOINS[job_of(spec.runs, JOINS)]).join(
        spec, console.Bar("Merging", unit="file")
    )
    console.document(found.facts) if as_json else console.out(found.text)
    for warning in found.warnings:
        console.note(f"Warning: {warning}")
    return found.exit_code
