"""What `medcli ask` can be asked for: the only home of its defaults, its checks and its help texts.

Knows what of the wishes a model is told; which of them go together stands in :mod:`medcli.ask.modes`. Refuses to
open files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from medcli.ask import modes
from medcli.errors import UsageError
from medcli.jobs import choice
from medcli.jobs.shards import shard_of
from medcli.models.protocol import DEFAULT_MODEL, ModelSpec, Sampling
from medcli.settings import option
from medcli.storage import Url

__all__ = ["AskSpec"]


def _window(text: str) -> tuple[float, float]:
    try:
        centre, width = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError("two numbers are needed, as in 40,400") from None
    if not (math.isfinite(centre) and 1 <= width < math.inf):
        raise ValueError("the width is 1 or more")
    return centre, width


@dataclass(frozen=True, slots=True)
class AskSpec:
    """One question, or a file of them, and the model that answers.

    The fields are the options of ``medcli ask``; their help texts stand with them.

    Raises
    ------
    UsageError
        Where wishes contradict each other.
    """

    question: str | None = option(
        "What to ask; read from standard input where it is missing or -.",
        default=None,
        metavar="QUESTION",
        positional=True,
        shapes_product=False,
    )
    image: tuple[Path, ...] = option(
        "DICOM, PNG, JPEG, TIFF or WebP file that the question is about (repeatable).",
        default=(),
        metavar="FILE",
        shapes_product=False,
    )
    window: tuple[float, float] | None = option(
        "Grey window of DICOM and of deep grey pictures. Default: the header's.",
        default=None,
        metavar="CENTRE,WIDTH",
        parse=_window,
    )
    frame: int = option("Frame of a DICOM file, or page of a TIFF, from 1.", default=1, minimum=1)
    questions: Path | None = option(
        "File of questions: JSON lines or a JSON array, in LLaVA-Med's, the VQA or medcli's own shape.",
        default=None,
        metavar="FILE",
        shapes_product=False,
    )
    images: Path | Url | None = option(
        "Folder that the images of --questions lie in, or a URL, as s3://bucket/images. Default: the folder of that file.",
        default=None,
        metavar="DIR",
        shapes_product=False,
        urls=True,
    )
    output: Path | None = option(
        "File of answers, one JSON object a line in the questions' order; while the run goes on, the finished part"
        " grows in FILE.part.",
        default=None,
        metavar="FILE",
        shapes_product=False,
    )
    model: str = option("Hub id or folder of the model.", default=DEFAULT_MODEL, metavar="ID|DIR")
    suffix: tuple[str, ...] = option(
        "OPEN=TEXT or CLOSED=TEXT: put behind questions of that answer_type (repeatable).",
        default=(),
        metavar="TYPE=TEXT",
    )
    no_image: bool = option("Show no pictures: the blind baseline.", default=False)
    limit: int | None = option("Only the first N rows of --questions.", default=None, metavar="N", minimum=1)
    dry_run: bool = option("Plan and count; ask nothing.", default=False, shapes_product=False)
    shard: tuple[int, int] | None = option(
        "Ask only every N-th chunk of the plan, from 0/N; medcli merge joins the runs.",
        default=None,
        metavar="I/N",
        parse=shard_of,
    )
    template: str = option("Prompt template. Default: the checkpoint's.", default="auto", metavar="NAME")
    temperature: float = option("0 takes the likeliest token each time.", default=0.0, minimum=0.0)
    top_p: float = option("Nucleus of the sampling; 1 for all tokens.", default=1.0, minimum=0.0, maximum=1.0)
    max_new_tokens: int = option("Longest answer.", default=1024, metavar="N", minimum=1)
    min_new_tokens: int = option("Shortest answer.", default=0, metavar="N", minimum=0)
    seed: int = option("Seeds, with a row's key, that row's sampling noise.", default=0)
    vision_weights: str = option(
        "Tower of a LLaVA-Med v1.5 checkpoint: its own weights, or those its config names. auto: its own if it has"
        " any.",
        default="auto",
        choices=("auto", "checkpoint", "config"),
    )
    padding: str = option(
        "How a picture becomes square for LLaVA-Med v1.5; llava-med draws the odd pixel as the original does.",
        default="centered",
        choices=("centered", "llava-med"),
    )
    base: str = option("Model that the delta weights of --model are added to.", default="", metavar="ID|DIR")
    adapter: str = option("LoRA adapter.", default="", metavar="ID|DIR")
    quantize: str = option("Load in 4 or 8 bits.", default="", choices=("", "4bit", "8bit"))
    dtype: str = option(
        "Numbers that the model computes with.",
        default="auto",
        choices=("auto", "float32", "bfloat16", "float16"),
    )
    deterministic: bool = option("Compute in float32.", default=False)
    attention: str = option("Implementation of attention in transformers.", default="auto", metavar="NAME")
    engine: str = option(
        "How pictures are reused between questions; auto takes the fastest that checks out.",
        default="auto",
        choices=("auto", "prefix", "features", "plain"),
    )
    batch_tokens: int = option(
        "Tokens that a batch may hold; 0 chooses by free memory.", default=0, metavar="N", minimum=0
    )
    devices: str = option(
        "auto, cpu, or a list as cuda:0,1; one process each.",
        default="auto",
        metavar="LIST",
        shapes_product=False,
    )
    split: bool = option("Spread one model over all devices.", default=False, shapes_product=False)
    workers: int = option("Processes on the CPU.", default=1, metavar="N", minimum=1, shapes_product=False)
    runner: str = choice.runner()
    ray_address: str = choice.ray_address()
    ray_workers: int | None = choice.ray_workers("GPU, or CPU where there is none; with a server, node")
    ray_cpus: float = choice.ray_cpus()
    ray_gpus: float | None = choice.ray_gpus()
    trust_remote_code: bool = option("Run code that comes with the checkpoint.", default=False)
    captioner: str = option(
        "Model that puts scans into words for a text-only --model.", default="", metavar="ID|DIR"
    )
    captioner_chart: str = option(
        "Model that puts charts into words for a text-only --model.", default="", metavar="ID|DIR"
    )
    backend: str = option(
        "transformers in process, or openai: a server that speaks OpenAI's chat completions.",
        default="transformers",
        choices=("transformers", "openai"),
    )
    base_url: tuple[str, ...] = option(
        "Address of the server, as http://127.0.0.1:8000/v1 (repeatable). A key is taken from MEDCLI_API_KEY.",
        default=(),
        metavar="URL",
        shapes_product=False,
    )
    concurrency: int = option(
        "Requests in flight to the server; on a cluster, of each worker.",
        default=16,
        metavar="N",
        minimum=1,
        shapes_product=False,
    )
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
    vault: Path | None = option(
        "Keep the placeholders of one question after another in an encrypted file.",
        default=None,
        metavar="FILE",
        shapes_product=False,
    )
    trace: Path | None = option(
        "Write the arrays on the way to each answer, one .npz a question, each asked alone.",
        default=None,
        metavar="DIR",
        shapes_product=False,
    )
    export_hf: Path | None = option(
        "Write the model in transformers' layout, which vLLM and others load, and ask nothing.",
        default=None,
        metavar="DIR",
        shapes_product=False,
    )
    state: Path | None = option(
        "Folder of plan and ledger, from which the same command resumes; best on a local disk."
        " Default: OUTPUT.run.",
        default=None,
        metavar="DIR",
        shapes_product=False,
    )
    retry_failed: bool = option(
        "Ask rows that failed again; answers that are there stay.", default=False, shapes_product=False
    )
    restart: bool = option("Plan and ask everything anew.", default=False, shapes_product=False)

    def __post_init__(self) -> None:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        defaults = {field.name: field.default for field in fields(self)}
        for name, why in modes.idle(values).items():
            if values[name] != defaults[name]:
                shown = "QUESTION" if name == "question" else f"--{name.replace('_', '-')}"
                raise UsageError(f"{shown} {why}.", hint="medcli ask --help")
        for wrong, message, hint in modes.contradictions(self):
            if wrong:
                raise UsageError(message, hint=hint)

    @staticmethod
    def idle(values: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the options that say nothing beside what ``values`` ask for."""
        return tuple(modes.idle(values))

    @property
    def suffixes(self) -> dict[str, str]:
        """``answer_type`` to the text that is put behind its questions."""
        matches = (modes.SUFFIX.fullmatch(text) for text in self.suffix)
        return {match[1]: match[2] for match in matches if match}

    @property
    def run_folder(self) -> Path:
        """Where plan and ledger lie."""
        if self.state is not None:
            return self.state
        return run_folder_of(self.output or Path())

    def model_spec(self) -> ModelSpec:
        """What a backend is told of the model; the device is added for each process."""
        return ModelSpec(
            model=self.model,
            backend=self.backend,
            template=self.template,
            padding=self.padding,
            vision_weights=self.vision_weights,
            base=self.base,
            adapter=self.adapter,
            quantize=self.quantize,
            dtype="float32" if self.deterministic else self.dtype,
            attention=self.attention,
            split=self.split,
            trust_remote_code=self.trust_remote_code,
            captioner=self.captioner,
            captioner_chart=self.captioner_chart,
            base_urls=self.base_url,
            timeout=self.timeout,
        )

    def sampling(self) -> Sampling:
        """What a backend is told of the answers."""
        return Sampling(
            max_new_tokens=self.max_new_tokens,
            min_new_tokens=self.min_new_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
            batch_tokens=self.batch_tokens,
            path=self.engine,  # type: ignore[arg-type]  # one of the choices
        )


def run_folder_of(output: Path) -> Path:
    """Where plan and ledger of an answers file lie unless ``--state`` says otherwise."""
    return output.with_name(f"{output.name}.run")
