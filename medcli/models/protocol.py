"""What a model is to the rest of medcli: requests in, replies out.

Knows shapes only: nothing here loads a model, opens a picture or prints. All of it is picklable, but for a loaded
:class:`Backend`, which stays in the process that loaded it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from medcli.models.spec import DEFAULT_MODEL, ModelSpec

__all__ = [
    "DEFAULT_MODEL",
    "Backend",
    "Description",
    "Engine",
    "EnginePath",
    "Form",
    "ModelSpec",
    "Picture",
    "Reply",
    "Request",
    "Sampling",
]

Form = Literal["record", "jsonl", "vqa-json"]
"""Where a question came from: our own record, LLaVA-Med's JSONL, or a VQA JSON. LLaVA-Med v1.0 treats them apart."""

EnginePath = Literal["auto", "prefix", "features", "plain"]
"""How a batch is computed: image prefix reused, image features reused, nothing reused; ``auto`` checks at start."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a request, not opened yet.

    Attributes
    ----------
    source : Path, bytes or PIL.Image.Image
        A file, a file's content, or a picture that is decoded already (what the gate hands back).
    frame : int
        Frame number from 1, as DICOM counts.
    window : (float, float) or None
        Centre and width; the header's where None.
    extra : {0, 1}
        What ``--padding llava-med`` drew for this row: pixels added to the smaller offset. See
        :class:`medcli.models.padding.Draws`.
    kind : str
        ``scan``, ``chart`` or empty for unknown; captioners are chosen by it.
    """

    source: Any
    frame: int = 1
    window: tuple[float, float] | None = None
    extra: int = 0
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One question.

    Attributes
    ----------
    key : str
        The row's own key; handed back, and what seeds the row's sampling noise.
    turns : tuple of (str, str)
        Role (``user``, ``assistant``, ``system``) and text, as the file has it: a picture token ``<image>`` is left
        in, since what becomes of it is the template's business. The last turn is the user's.
    pictures : tuple of Picture
        Shown with the first turn of the user.
    form : {"record", "jsonl", "vqa-json"}
        Where the question came from.
    """

    key: str
    turns: tuple[tuple[str, str], ...]
    pictures: tuple[Picture, ...] = ()
    form: Form = "record"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers are drawn.

    Attributes
    ----------
    max_new_tokens, min_new_tokens : int
        Bounds of an answer's length; a minimum above 0 forbids the end token until then.
    temperature : float
        0 takes the likeliest token each time.
    top_p : float
        Nucleus; 1 for all tokens.
    seed : int
        With a request's key it seeds that row's noise, whatever batch the row is in.
    batch_tokens : int
        Tokens (prompts and room for answers, over the rows) that a batch may hold; 0 chooses by free memory.
    path : {"auto", "prefix", "features", "plain"}
        What :meth:`Backend.engine` said once, for other workers of the same run.
    """

    max_new_tokens: int = 1024
    min_new_tokens: int = 0
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    batch_tokens: int = 0
    path: EnginePath = "auto"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, or why there is none.

    Attributes
    ----------
    key : str
        The request's.
    text : str
        The answer, stripped, without what the model thought aloud; empty where ``error`` is not.
    prompt : str
        The question as the model's own programs would record it; see :meth:`Backend.prompt`.
    finish_reason : str
        ``stop``, ``length`` or ``error``.
    prompt_tokens, answer_tokens : int
        Pictures counted as the tokens they take.
    first_token_margin : float or None
        Difference of the two largest logits of the first token; None where the backend can't tell.
    reasoning : str
        What stood between thinking tokens.
    error : str
        A reason code in kebab-case, empty if all went well.
    """

    key: str
    text: str = ""
    prompt: str = ""
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    answer_tokens: int = 0
    first_token_margin: float | None = None
    reasoning: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """What was loaded, for the answers' metadata and the run's record. Neither time nor device.

    Attributes
    ----------
    model_id : str
        The name in answers: the last part of the path, as LLaVA-Med's programs write it (its v1.0 the whole path).
    family : str
        ``llava-med-v1.5``, ``llava-med-v1.0``, ``chat``, ``captioned`` or ``endpoint``.
    template, dtype, image_processor, attention : str
        Names of what is used.
    vision_weights : str
        ``checkpoint``, ``config`` or empty where there was no choice.
    image_tokens : int
        Tokens that a picture usually takes; 0 where it depends on the picture.
    context : int
        Tokens that a prompt and its answer may have together; 0 for unknown.
    bytes_per_token : int
        Memory of the KV cache for one token of one row, for the memory plan.
    parameters : int
        How many weights.
    notes : tuple of str
        Sentences for the person at the terminal: which tower was used, what was fallen back to.
    """

    model_id: str
    family: str = ""
    template: str = ""
    dtype: str = ""
    image_processor: str = ""
    attention: str = ""
    vision_weights: str = ""
    image_tokens: int = 0
    context: int = 0
    bytes_per_token: int = 0
    parameters: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Engine:
    """What a backend chose while it ran; hand it to the run's other workers through :class:`Sampling`.

    Attributes
    ----------
    path : str
        ``prefix``, ``features`` or ``plain``; ``auto`` while nothing was asked.
    batch_tokens : int
        After any halving.
    halvings : int
        How often memory ran out.
    notes : tuple of str
        Why a faster path was given up.
    counts : mapping
        What was computed: ``images_encoded``, ``prefix_tokens``, ``suffix_tokens``, ``steps``, ``rows``.
    """

    path: str = "auto"
    batch_tokens: int = 0
    halvings: int = 0
    notes: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


class Backend(Protocol):
    """A loaded model, or a connection to one."""

    def describe(self) -> Description:
        """What was loaded."""
        ...

    def prompt(self, request: Request) -> str:
        """The question as the model's own programs record it in ``prompt``; opens no picture."""
        ...

    def count_tokens(self, request: Request) -> int:
        """Tokens of the whole prompt, pictures included; opens a picture only where its size decides."""
        ...

    def generate(self, requests: Sequence[Request], settings: Sampling) -> Iterator[Reply]:
        """Answer a chunk: exactly one reply a request, in the requests' order, never an exception for one row.

        Raises
        ------
        MedcliError
            If no other row would fare better: no memory even for one row, an endpoint that refuses the key.
        """
        ...

    def stream(self, request: Request, settings: Sampling) -> Iterator[str]:
        """Answer one request in pieces of text, whose joint is the answer.

        Raises
        ------
        MedcliError
            If it cannot be answered.
        """
        ...

    def trace(self, request: Request, settings: Sampling) -> tuple[Reply, dict[str, Any]]:
        """Answer one request alone, with the numpy arrays on the way.

        Returns
        -------
        Reply
            As :meth:`generate` gives it.
        dict of numpy.ndarray
            ``input_ids`` (L,) with -200 for a picture that is one place, ``pixel_values`` (3, H, W), ``vision``
            (patches, width of the tower), ``feats`` (patches, width of the language model), ``prefill_last``
            (vocabulary,), ``scores`` (steps, vocabulary), ``out`` (steps,). The first four lack where there is no
            picture, or no such stage.
        """
        ...

    def engine(self) -> Engine:
        """What was chosen so far."""
        ...

    def close(self) -> None:
        """Give the memory back."""
        ...
