"""``medcli ask``: options to a Spec, the domain's work, its words or one JSON document."""

from __future__ import annotations

import click

from medcli import console
from medcli.ask.spec import AskSpec
from medcli.commands.options import from_spec


@click.command(
    epilog="Exit codes: 0 all answered, 2 usage, 3 set-up, 4 input unusable, 5 some rows without an answer, 6 the gate"
    " refused, 130 interrupted: the same command resumes."
)
@from_spec(AskSpec)
@click.option("--json", "as_json", is_flag=True, allow_from_autoenv=False, help="Print one JSON document.")
def ask(spec: AskSpec, *, as_json: bool) -> int:
    """Ask a medical vision-language model, once or a file of questions.

    One answer streams to standard output. Answers to a file of questions go to --output, in LLaVA-Med's shape.

    \b
    medcli ask "What does this show?" --image scan.dcm
    medcli ask --questions test.jsonl --images images --output answers.jsonl
    medcli ask --questions test.jsonl --output a.jsonl --backend openai --base-url http://127.0.0.1:8000/v1
    """  # noqa: D301 - Click wants the character
    from medcli.ask.job import perform

    say = None if as_json else console.piece
    result = perform(spec, bar=lambda rows: console.Bar("Asking", unit="question", total=rows), say=say)
    console.document(result.facts) if as_json else console.out(result.text)
    return result.exit_code
