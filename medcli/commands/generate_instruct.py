"""``medcli generate-instruct``: options to a Spec, the domain's work, its words or one JSON document."""

from __future__ import annotations

import click

from medcli import console
from medcli.commands.options import from_spec
from medcli.instruct.spec import InstructSpec


@click.command(
    epilog="Exit codes: 0 all asked, 2 usage, 3 set-up or --max-cost reached, 4 input unusable, 5 some requests failed,"
    " 6 the gate refused, 130 interrupted: the same command resumes."
)
@from_spec(InstructSpec)
@click.option("--json", "as_json", is_flag=True, allow_from_autoenv=False, help="Print one JSON document.")
def generate_instruct(spec: InstructSpec, *, as_json: bool) -> int:
    """Make instruction conversations from figure captions, through any OpenAI-compatible server.

    Captions pass the gate first: identity in them does not leave the machine.

    \b
    medcli generate-instruct captions.jsonl --model NAME --output train.json --max-samples 60000 --max-cost 50
    medcli generate-instruct captions.jsonl --model NAME --dry-run
    medcli generate-instruct captions.jsonl --model NAME --base-url http://127.0.0.1:8000/v1 --output train.json
    medcli generate-instruct --check-only llava_med_instruct_60k.json --repair --output repaired.json
    medcli generate-instruct --logic tree.yaml --labels labels.csv --output train.json
    """  # noqa: D301 - Click wants the character
    from medcli.instruct.job import perform

    result = perform(spec, bar=lambda count: console.Bar("Generating", unit="sample", total=count))
    console.document(result.facts) if as_json else console.out(result.text)
    for warning in result.warnings:
        console.note(f"Warning: {warning}")
    return result.exit_code
