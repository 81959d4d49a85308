"""``medcli evaluate``: options to a Spec, the domain's work, its words or one JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from medcli import console
from medcli.commands.options import from_spec
from medcli.evaluate.spec import VqaSpec

if TYPE_CHECKING:
    from medcli.evaluate.vqa import Result

_CODES = (
    "Exit codes: 0 all scored, 2 usage, 3 set-up, 4 input unusable or files that do not fit together, 5 some rows without"
    " a score, 6 the judge is on another machine and the gate is not off, 130 interrupted: the same command resumes."
)
_json = click.option(
    "--json",
    "as_json",
    is_flag=True,
    allow_from_autoenv=False,
    help="Print one JSON document instead of tables.",
)


@click.group(subcommand_metavar="COMMAND [ARGS]...")
def evaluate() -> None:
    """Score answers against references, with intervals."""


@evaluate.command(epilog=_CODES)
@from_spec(VqaSpec)
@_json
def vqa(spec: VqaSpec, *, as_json: bool) -> int:
    """Score answers to questions with references.

    Answers are joined to questions by id. Each figure has its n and a bootstrap interval over pictures.

    \b
    medcli evaluate vqa answers.jsonl --questions test.json
    medcli evaluate vqa answers.jsonl --questions test.json --output scores --report report.html
    medcli evaluate vqa --compare base.jsonl tuned.jsonl --questions test.json
    """  # noqa: D301 - Click wants the character
    from medcli.evaluate.vqa import evaluate_vqa

    return _tell(evaluate_vqa(spec, console.Bar("Judging", unit="answer")), as_json=as_json)


def _tell(result: Result, *, as_json: bool) -> int:
    console.document(result.facts) if as_json else console.out(result.text)
    for warning in result.warnings:
        console.note(f"Warning: {warning}")
    return result.exit_code
