"""``medcli evaluate``: options to a Spec, the domain's work, its words or one JSON document."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from medcli import console
from medcli.commands.options import from_spec
from medcli.evaluate.chat_spec import ChatSpec
from medcli.evaluate.privacy import PrivacySpec
from medcli.evaluate.spec import VqaSpec

if TYPE_CHECKING:
    from medcli.evaluate.vqa import Result

_CODES = (
    "Exit codes: 0 all scored, 2 usage, 3 set-up, 4 input unusable or files that do not fit together, 5 some rows without"
    " a score, 6 the gate kept rows from the judge, 130 interrupted: the same command resumes."
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

    if "judge" not in spec.sets:
        return _tell(evaluate_vqa(spec), as_json=as_json)
    return _tell(_shown(lambda bar: evaluate_vqa(spec, bar)), as_json=as_json)


@evaluate.command(epilog=_CODES)
@from_spec(ChatSpec)
@_json
def chat(spec: ChatSpec, *, as_json: bool) -> int:
    """Compare answers in free text with references, by a judge.

    The relative score of LLaVA-Med's chat evaluation, with our own prompt and both orders of the two answers.

    \b
    medcli evaluate chat answers.jsonl --questions qa50.jsonl --judge NAME --base-url http://127.0.0.1:8000/v1
    medcli evaluate chat --summarize reviews.jsonl
    """  # noqa: D301 - Click wants the character
    from medcli.evaluate.chat import evaluate_chat

    return _tell(_shown(lambda bar: evaluate_chat(spec, bar)), as_json=as_json)


@evaluate.command(epilog=_CODES)
@from_spec(PrivacySpec)
@_json
def privacy(spec: PrivacySpec, *, as_json: bool) -> int:
    """Say what de-identified inputs cost in accuracy.

    RAW and DEID answer the same questions, about the inputs as they were and as medcli scrub left them.

    \b
    medcli evaluate privacy raw.jsonl deid.jsonl --questions test.json
    """  # noqa: D301 - Click wants the character
    from medcli.evaluate.privacy import evaluate_privacy

    return _tell(evaluate_privacy(spec), as_json=as_json)


def _shown(work: Callable[[console.Bar], Result]) -> Result:
    with console.Bar("Judging", unit="case") as bar:
        return work(bar)


def _tell(result: Result, *, as_json: bool) -> int:
    console.document(result.facts) if as_json else console.out(result.text)
    for warning in result.warnings:
        console.note(f"Warning: {warning}")
    return result.exit_code
