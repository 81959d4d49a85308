"""`medcli evaluate privacy`: what de-identified inputs cost in accuracy, on the same questions.

A comparison of two files of answers, of which the first was given for the inputs as they were. Knows no more than
that; differences are taken and tested by :mod:`medcli.evaluate.comparing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medcli.evaluate.scoring import HEADLINES
from medcli.evaluate.spec import VqaSpec
from medcli.evaluate.vqa import Result, evaluate_vqa
from medcli.evaluate.writing import signed
from medcli.settings import option


@dataclass(frozen=True, slots=True)
class PrivacySpec:
    """Answers with and without de-identified inputs.

    The fields are the options of ``medcli evaluate privacy``; their help texts stand with them.
    """

    raw: Path = option("Answers that were given for the inputs as they were.", metavar="RAW", positional=True)
    deid: Path = option(
        "Answers that were given for the de-identified inputs.", metavar="DEID", positional=True
    )
    questions: Path = option("File of questions with references.", metavar="FILE")
    metrics: str = option(
        "Sets of metrics, with commas: llava-med, strict, choice, logic.",
        default="llava-med,strict,choice",
        metavar="LIST",
    )
    partial: bool = option(
        "Score what fits together, and only list ids that are missing, doubled or unknown.", default=False
    )
    synonyms: Path | None = option(
        "Phrases that count as equal in strict and choice: JSON, a list of lists.",
        default=None,
        metavar="FILE",
    )
    output: Path | None = option(
        "Folder for scores.json and per_item.jsonl.", default=None, metavar="DIR", shapes_product=False
    )
    report: Path | None = option(
        "Write one self-contained page to look at.", default=None, metavar="FILE", shapes_product=False
    )
    images: Path | None = option(
        "Folder of the questions' pictures, for --report. Default: the folder of --questions.",
        default=None,
        metavar="DIR",
        shapes_product=False,
    )
    resamples: int = option(
        "Resamples of pictures for the 95 % intervals; 0 for none.", default=2000, metavar="N", minimum=0
    )
    seed: int = option("Seed of resamples and permutations.", default=0, minimum=0)


def evaluate_privacy(spec: PrivacySpec) -> Result:
    """Do what a Spec asks for; errors as of :func:`~medcli.evaluate.vqa.evaluate_vqa`.

    Returns
    -------
    Result
        ``facts["price"]`` holds the headline figures: points of percent that de-identified inputs cost (a positive
        price is a loss), with interval and p.
    """
    whole = evaluate_vqa(
        VqaSpec(
            answers=(spec.raw, spec.deid),
            compare=True,
            questions=spec.questions,
            metrics=spec.metrics,
            partial=spec.partial,
            synonyms=spec.synonyms,
            output=spec.output,
            report=spec.report,
            images=spec.images,
            resamples=spec.resamples,
            seed=spec.seed,
        )
    )
    price = [
        _price(one)
        for one in whole.facts["differences"][0]["figures"]
        if (one["metrics"], one["column"]) in HEADLINES
    ]
    sentences = [_sentence(one) for one in price]
    return Result(
        whole.exit_code,
        {**whole.facts, "price": price},
        "\n\n".join(["\n".join(sentences), whole.text]),
        whole.warnings,
    )


def _price(one: dict[str, Any]) -> dict[str, Any]:
    turned = {
        "points": 0.0 - 100 * one["mean"],
        "low": None if one["high"] is None else 0.0 - 100 * one["high"],
        "high": None if one["low"] is None else 0.0 - 100 * one["low"],
    }
    kept = ("metrics", "name", "column", "part", "n", "images", "test", "p", "only_first", "only_second")
    return {name: one[name] for name in kept} | {"raw": one["first"], "deid": one["second"]} | turned


def _sentence(one: dict[str, Any]) -> str:
    bounds = "" if one["low"] is None else f" (95 % interval {signed(one['low'])} to {signed(one['high'])})"
    return (
        f"{one['metrics']}, {one['part']}, {one['name']}: de-identified inputs cost {signed(one['points'])} points{bounds},"
        f" {100 * one['raw']:.2f} to {100 * one['deid']:.2f}, n {one['n']:,}, p {one['p']:.2g} ({one['test']})."
    )
