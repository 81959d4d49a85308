"""``medcli merge``: joins the runs of ``medcli ask --shard``."""

from __future__ import annotations

import click

from medcli import console
from medcli.ask.merging import MergeSpec
from medcli.commands.options import from_spec


@click.command(
    epilog="Exit codes: 0 all answered, 2 usage, 4 a run is not finished, 5 some rows without an answer."
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
    """Join the shards of one run of medcli ask into one file of answers.

    \b
    medcli merge part0.jsonl.run part1.jsonl.run --output answers.jsonl
    """  # noqa: D301 - Click wants the character
    from medcli.ask.merging import merge as join

    report = join(spec)
    console.document(report.to_json()) if as_json else console.out(console.table(report.table()))
    return report.exit_code
