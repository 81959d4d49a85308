"""What `medcli evaluate` can be asked for: the only home of its defaults, its checks and its help texts.

Refuses to open files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medcli.errors import UsageError
from medcli.evaluate.comparing import BENCHMARKS
from medcli.evaluate.scoring import SETS
from medcli.settings import option

GATES = ("on", "remote", "off")


@dataclass(frozen=True, slots=True)
class VqaSpec:
    """Answers to questions with references.

    The fields are the options of ``medcli evaluate vqa``; their help texts stand with them.

    Raises
    ------
    UsageError
        Where wishes contradict each other.
    """

    answers: tuple[Path, ...] = option(
        "Files of answers: medcli's and LLaVA-Med's JSONL, samples of lmms-eval, predictions of VLMEvalKit.",
        metavar="ANSWERS...",
        positional=True,
    )
    questions: Path | None = option(
        "File of questions with references. Default: what the result files of lmms-eval and VLMEvalKit carry.",
        default=None,
        metavar="FILE",
    )
    metrics: str = option(
        "Sets of metrics, with commas: llava-med (the original programs' figures), strict, choice, judge, logic,"
        " embedding.",
        default="llava-med,strict,choice",
        metavar="LIST",
    )
    compare: bool = option(
        "Compare several files of answers with the first: paired differences with tests.",
        default=False,
        only_typed=True,
    )
    partial: bool = option(
        "Score what fits together, and only list ids that are missing, doubled or unknown.", default=False
    )
    candidates: Path | None = option(
        "Answers of the training set, for llava-med's open accuracy: LLaVA-Med's candidate file, a list, or a training"
        " set.",
        default=None,
        metavar="FILE",
    )
    synonyms: Path | None = option(
        "Phrases that count as equal in strict and choice: JSON, a list of lists.",
        default=None,
        metavar="FILE",
    )
    published: str = option(
        "Published figures to stand beside ours. Default: those of the data set that the questions name.",
        default="",
        choices=("", *BENCHMARKS),
        metavar="NAME",
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
    judge: str = option("Model that judges, for the set judge.", default="", metavar="NAME")
    base_url: tuple[str, ...] = option(
        "Address of the judge, as http://127.0.0.1:8000/v1 (repeatable). A key is taken from MEDCLI_API_KEY.",
        default=(),
        metavar="URL",
        shapes_product=False,
    )
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
    logic: Path | None = option(
        "Slots, their states and phrases, or a clinical tree, for the set logic: JSON or YAML. Default: each"
        " question's options.",
        default=None,
        metavar="FILE",
    )
    embedding: str = option(
        "Model for the set embedding: a Hub id or folder that transformers loads.",
        default="",
        metavar="ID|DIR",
    )

    def __post_init__(self) -> None:
        if not self.answers:
            raise UsageError(
                "A file of answers is needed.", hint="medcli evaluate vqa ANSWERS --questions FILE"
            )
        if unknown := sorted(set(self.sets) - set(SETS)):
            raise UsageError(
                f"There is no set of metrics '{unknown[0]}'.", hint=f"--metrics takes: {', '.join(SETS)}"
            )
        if len(self.answers) > 1 and not self.compare:
            raise UsageError("Several files of answers are given.", hint="Say --compare to compare them.")
        if self.compare and len(self.answers) < 2:
            raise UsageError(
                "--compare needs two files of answers.", hint="medcli evaluate vqa --compare A B"
            )
        for name, needs, value in (
            ("judge", "--judge NAME and --base-url URL", self.judge and self.base_url),
            ("embedding", "--embedding ID|DIR", self.embedding),
        ):
            if name in self.sets and not value:
                raise UsageError(f"The set {name} needs {needs}.", hint="medcli evaluate vqa --help")

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets of metrics, in order."""
        return tuple(dict.fromkeys(filter(None, (one.strip() for one in self.metrics.split(",")))))
