"""What `medcli evaluate chat` can be asked for: defaults, checks, help texts. Refuses to open files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medcli.errors import UsageError
from medcli.evaluate.spec import GATES
from medcli.settings import option


@dataclass(frozen=True, slots=True)
class ChatSpec:
    """Answers in free text, and the judge that compares them with references.

    The fields are the options of ``medcli evaluate chat``; their help texts stand with them.

    Raises
    ------
    UsageError
        Where wishes contradict each other.
    """

    answers: Path | None = option(
        "File of answers, in any shape that vqa reads.",
        default=None,
        metavar="ANSWERS",
        positional=True,
    )
    questions: Path | None = option(
        "File of questions with references (gpt4_answer), captions and mentions, as LLaVA-Med's chat questions.",
        default=None,
        metavar="FILE",
    )
    judge: str = option("Model that judges.", default="", metavar="NAME")
    base_url: tuple[str, ...] = option(
        "Address of the judge, as http://127.0.0.1:8000/v1 (repeatable). A key is taken from MEDCLI_API_KEY.",
        default=(),
        metavar="URL",
        shapes_product=False,
    )
    order: str = option(
        "Judge each pair in both orders, which cancels the bias of position, or with the reference first, as published.",
        default="both",
        choices=("both", "reference-first"),
    )
    summarize: Path | None = option(
        "Summarise a file of reviews, ours or of either of LLaVA-Med's generations, and ask nobody.",
        default=None,
        metavar="FILE",
        only_typed=True,
    )
    partial: bool = option(
        "Score what fits together, and only list ids that are missing, doubled or unknown.", default=False
    )
    output: Path | None = option(
        "Folder for scores.json and reviews.jsonl.", default=None, metavar="DIR", shapes_product=False
    )
    resamples: int = option(
        "Resamples of pictures for the 95 % intervals; 0 for none.", default=2000, metavar="N", minimum=0
    )
    seed: int = option("Seed of resamples.", default=0, minimum=0)
    gate: str = option(
        "Which judges see placeholders in the place of identity: all, those on other machines, or none.",
        default="on",
        choices=GATES,
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
    concurrency: int = option(
        "Requests in flight to the judge.", default=16, metavar="N", minimum=1, shapes_product=False
    )
    timeout: float = option(
        "Seconds to wait for the judge's next byte.",
        default=120.0,
        metavar="SECONDS",
        minimum=0.001,
        shapes_product=False,
    )
    state: Path | None = option(
        "Folder of what the judge said, from which the same command resumes. Default: ANSWERS.judge.",
        default=None,
        metavar="DIR",
        shapes_product=False,
    )
    retry_failed: bool = option(
        "Ask the judge again where no judgement came.", default=False, shapes_product=False
    )
    restart: bool = option("Ask the judge everything anew.", default=False, shapes_product=False)

    def __post_init__(self) -> None:
        if self.summarize is not None:
            if self.answers is not None:
                raise UsageError(
                    "--summarize takes no ANSWERS.", hint="medcli evaluate chat --summarize reviews.jsonl"
                )
            return
        for value, what in (
            (self.answers, "A file of answers"),
            (self.questions, "--questions FILE"),
            (self.judge, "--judge NAME"),
            (self.base_url, "--base-url URL"),
        ):
            if not value:
                raise UsageError(f"{what} is needed.", hint="medcli evaluate chat --help")
