"""What `medcli generate-instruct` can be asked for: the only home of its defaults, its checks and its help texts.

Which wishes go together stands in :mod:`medcli.instruct.modes`. Refuses to open files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from medcli.errors import UsageError
from medcli.instruct import modes
from medcli.jobs import choice
from medcli.jobs.shards import shard_of
from medcli.settings import option

__all__ = ["InstructSpec"]

OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class InstructSpec:
    """Captions, a model, and what is made of them.

    The fields are the options of ``medcli generate-instruct``; their help texts stand with them. What chooses among
    captions (``kind``, ``max_samples``, ``domain`` ...) is no part of the fingerprint: a reply belongs to its caption
    whatever else was chosen, so a set can be enlarged without asking anything twice.

    Raises
    ------
    UsageError
        Where wishes contradict each other.
    """

    captions: Path | None = option(
        "Caption records as medcli download articles writes them, LLaVA-Med's fig_captions.json, or captions of ROCO"
        " or PMC-OA.",
        default=None,
        metavar="CAPTIONS",
        positional=True,
        shapes_product=False,
    )
    output: Path | None = option(
        "File of conversations. NAME.provenance.jsonl and NAME.rejected.jsonl are written beside it.",
        default=None,
        metavar="FILE",
        shapes_product=False,
    )
    model: str = option("Name of the model, as the server knows it.", default="", metavar="NAME")
    kind: tuple[str, ...] = option(
        "conversation, description, vqa-open, vqa-choice or alignment; several with weights, as"
        " conversation=3,description=1 (repeatable).",
        default=("conversation",),
        metavar="KIND[=N],...",
        shapes_product=False,
    )
    max_samples: int | None = option(
        "Stop at N accepted samples: the first N in the order of selection.",
        default=None,
        metavar="N",
        minimum=1,
        shapes_product=False,
    )
    inline_mentions: bool = option("Tell the model the sentences that mention the figure too.", default=True)
    images: Path | None = option(
        "Folder of the figures: show each to the model, which must be one that sees.",
        default=None,
        metavar="DIR",
        shapes_product=False,
    )
    format: str = option(
        "llava: one JSON array in LLaVA's form; jsonl: the same, one a line; messages: chat messages, one a line.",
        default="llava",
        choices=("llava", "jsonl", "messages"),
        shapes_product=False,
    )
    domain: tuple[str, ...] = option(
        "Only figures of this domain (repeatable).", default=(), metavar="NAME", shapes_product=False
    )
    license: tuple[str, ...] = option(
        'Only figures under this licence, as "CC BY" (repeatable).',
        default=(),
        metavar="CODE",
        shapes_product=False,
    )
    drop_duplicates: bool = option(
        "Leave out captions that nearly repeat an earlier one.", default=True, shapes_product=False
    )
    shuffle: bool = option(
        "Take each domain's figures in an order drawn by --seed rather than the file's.",
        default=False,
        shapes_product=False,
    )
    seed: int = option(
        "Draws kinds, places of right options and picture tokens, and with --shuffle the order.", default=0
    )
    decontaminate: tuple[Path, ...] = option(
        "File of test questions: samples that match one, or its picture, are left out (repeatable).",
        default=(),
        metavar="FILE",
        shapes_product=False,
    )
    decontaminate_images: Path | None = option(
        "Folder of the test questions' pictures. Default: the folder of each file.",
        default=None,
        metavar="DIR",
        shapes_product=False,
    )
    prompts: Path | None = option(
        "Folder of prompts of your own; what it lacks is medcli's.",
        default=None,
        metavar="DIR",
        shapes_product=False,
    )
    examples: int = option("Worked examples in each prompt.", default=3, metavar="N", minimum=0, maximum=20)
    structured: str = option(
        "Ask for JSON, and where the server takes one, send a schema; off asks for plain text.",
        default="auto",
        choices=("auto", "off"),
    )
    temperature: float = option("0 takes the likeliest token each time.", default=0.7, minimum=0.0)
    max_new_tokens: int = option("Longest reply.", default=1024, metavar="N", minimum=1)
    language: str = option(
        "ISO 639-1 code of the language that samples must be in; empty for any.", default="en", metavar="CODE"
    )
    skip_check: tuple[str, ...] = option(
        "Name of a check that is not applied (repeatable).", default=(), metavar="RULE"
    )
    judge: str = option("Model that judges each sample against its caption.", default="", metavar="NAME")
    blind: str = option(
        "Model that is asked each question without the picture: what it answers rightly is dropped.",
        default="",
        metavar="NAME",
    )
    base_url: tuple[str, ...] = option(
        "Address of the server, as http://127.0.0.1:8000/v1; several share the load (repeatable). A key is taken from"
        " MEDCLI_API_KEY or OPENAI_API_KEY. Default: Azure's of AZURE_OPENAI_ENDPOINT, else OpenAI's.",
        default=(),
        metavar="URL",
        shapes_product=False,
    )
    rpm: int | None = option(
        "Requests a minute. Default: what the server says.",
        default=None,
        metavar="N",
        minimum=1,
        shapes_product=False,
    )
    tpm: int | None = option(
        "Tokens a minute. Default: what the server says.",
        default=None,
        metavar="N",
        minimum=1,
        shapes_product=False,
    )
    max_cost: float | None = option(
        "Stop before this much is spent, in the currency of the price table.",
        default=None,
        metavar="AMOUNT",
        minimum=0.0,
        shapes_product=False,
    )
    prices: Path | None = option(
        "Price table of your own, as docs/generate-instruct.md describes it.",
        default=None,
        metavar="FILE",
        shapes_product=False,
    )
    batch: bool = option(
        "Use the server's Batch API: half the price, within a day.", default=False, shapes_product=False
    )
    cache: Path | None = option(
        "File of replies by what was asked; shared by runs.",
        default=None,
        metavar="FILE",
        shapes_product=False,
    )
    concurrency: int = option(
        "Requests in flight; on a cluster, of each worker.",
        default=32,
        metavar="N",
        minimum=1,
        shapes_product=False,
    )
    runner: str = choice.runner()
    ray_address: str = choice.ray_address()
    ray_workers: int | None = option(
        "Workers on the cluster, among which --rpm and --tpm are divided. Default: 1.",
        default=None,
        metavar="N",
        minimum=1,
        shapes_product=False,
    )
    ray_cpus: float = choice.ray_cpus()
    timeout: float = option(
        "Seconds to wait for the server's next byte.",
        default=120.0,
        metavar="SECONDS",
        minimum=0.001,
        shapes_product=False,
    )
    gate: str = option(
        "Which models see placeholders in the place of identity: all, those on other machines, or none.",
        default="on",
        choices=("on", "remote", "off"),
    )
    gate_pixels: str = option(
        "Pictures that may show who the patient is and were not cleaned: auto keeps them from other machines, clean"
        " fills their text for every model.",
        default="auto",
        choices=("auto", "clean", "refuse", "accept"),
    )
    detector: tuple[str, ...] = option(
        "What the gate asks beside its rules: presidio, hf:DIR, gliner:DIR, llm:URL#MODEL (repeatable).",
        default=(),
        metavar="NAME[:SOURCE]",
    )
    trust_host: tuple[str, ...] = option(
        "Host that --detector llm may send texts to as they are (repeatable).",
        default=(),
        metavar="HOST",
        shapes_product=False,
    )
    logic: Path | None = option(
        "Clinical tree: make conversations from labelled pictures, and ask no model.",
        default=None,
        metavar="FILE.yaml",
        shapes_product=False,
    )
    labels: Path | None = option(
        "Table of pictures and their states for --logic.",
        default=None,
        metavar="FILE.csv",
        shapes_product=False,
    )
    split: str = option(
        "Which wordings of --logic are used.",
        default="train",
        choices=("train", "test"),
        shapes_product=False,
    )
    check_only: Path | None = option(
        "Check instruction data that exists, and generate nothing; with CAPTIONS also against them.",
        default=None,
        metavar="FILE",
        shapes_product=False,
    )
    repair: bool = option(
        "With --check-only: write what can be kept to --output.", default=False, shapes_product=False
    )
    report: Path | None = option(
        "Page to look at: counts, lengths, questions, rejections, cost, samples.",
        default=None,
        metavar="FILE.html",
        shapes_product=False,
    )
    dry_run: bool = option(
        "Select, and say samples, tokens, price and time; ask nothing.", default=False, shapes_product=False
    )
    state: Path | None = option(
        "Folder of selection and ledger, from which the same command resumes; best on a local disk. Default:"
        " OUTPUT.run.",
        default=None,
        metavar="DIR",
        shapes_product=False,
    )
    shard: tuple[int, int] | None = option(
        "Ask only part I of N of the captions, counted from 0; medcli merge joins the runs.",
        default=None,
        metavar="I/N",
        parse=shard_of,
        shapes_product=False,
    )
    retry_failed: bool = option(
        "Ask again what failed; what was rejected stays so.", default=False, shapes_product=False
    )
    restart: bool = option("Ask everything anew.", default=False, shapes_product=False)

    def __post_init__(self) -> None:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        defaults = {field.name: field.default for field in fields(self)}
        for name, why in modes.idle(values).items():
            if values[name] != defaults[name]:
                shown = "CAPTIONS" if name == "captions" else f"--{name.replace('_', '-')}"
                raise UsageError(f"{shown} {why}.", hint="medcli generate-instruct --help")
        for wrong, message, hint in modes.contradictions(self):
            if wrong:
                raise UsageError(message, hint=hint)

    @staticmethod
    def idle(values: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the options that say nothing beside what ``values`` ask for."""
        return tuple(modes.idle(values))

    @property
    def mode(self) -> str:
        """``generate``, ``check`` or ``logic``."""
        return modes.mode_of({"check_only": self.check_only, "logic": self.logic})

    @property
    def run_folder(self) -> Path:
        """Where selection and ledger lie."""
        output = self.output or Path("instruct")
        return self.state or output.with_name(f"{output.name}.run")

    @property
    def addresses(self) -> tuple[str, ...]:
        """The servers; none where the environment names Azure's."""
        return self.base_url or (() if os.environ.get("AZURE_OPENAI_ENDPOINT") else (OPENAI,))

    def beside(self, what: str) -> Path:
        """The path of ``provenance`` or ``rejected`` rows."""
        assert self.output is not None
        return self.output.with_name(f"{self.output.stem}.{what}.jsonl")
