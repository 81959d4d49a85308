"""What the engine must know of a loaded model: how a request becomes ids and pictures, and how they run forward.

Knows shapes; refuses to know batches, queues and files. Three families stand behind it: LLaVA-Med v1.5, LLaVA-Med
v1.0, and every model of transformers that has a chat template.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from medcli.imaging import open_picture

if TYPE_CHECKING:
    from torch import Tensor

    from medcli.models.protocol import Description, Picture, Request

IMAGE = "<image>"
PLACE = -200
"""What stands for a picture in ids that are recorded, as the authors have it."""

_THOUGHT = re.compile(r"\s*(?:<think>(.*?)</think>|<unused94>(?:thought\n?)?(.*?)<unused95>)", re.DOTALL)


@dataclass(slots=True)
class Visual:
    """One picture, ready for a tower.

    Attributes
    ----------
    key : str
        Equal for pictures that the model cannot tell apart.
    tensors : dict
        The model's own inputs for it: ``pixel_values``, and whatever else its processor made.
    """

    key: str
    tensors: dict[str, Any]


@dataclass(slots=True)
class Prompt:
    """One row, ready for the engine.

    Attributes
    ----------
    ids : list of int
        The whole prompt; a picture's tokens are there, as many as its features.
    prefix : int
        Ids up to and with the last picture; 0 without pictures. What follows is text.
    visuals : tuple of Visual
        In the order of their places.
    places : tuple of (int, int)
        Where each picture's run of tokens begins, and how long it is.
    recorded : list of int
        The ids as the authors' programs have them, for the trace.
    extra : dict
        Per-token inputs of the model's own, as long as ``ids``: token types.
    inputs : dict
        What the model's processor made of all the row's pictures together, where it works on rows.
    """

    ids: list[int]
    prefix: int = 0
    visuals: tuple[Visual, ...] = ()
    places: tuple[tuple[int, int], ...] = ()
    recorded: list[int] = field(default_factory=list)
    extra: dict[str, list[int]] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)

    def head(self) -> Prompt:
        """The prefix alone."""
        extra = {name: values[: self.prefix] for name, values in self.extra.items()}
        return Prompt(self.ids[: self.prefix], self.prefix, self.visuals, self.places, [], extra, self.inputs)


class Family(Protocol):
    """A loaded model behind one face.

    Attributes
    ----------
    model : torch.nn.Module
        The causal language model, or the whole, that ``generate`` is called on.
    ends : frozenset of int
        Tokens that end an answer.
    pad : int
        What fills a row up; masked.
    stop : str
        A text that ends an answer; empty for none.
    vocabulary : int
        Ids from here on are never generated.
    reuses, features : bool
        Whether a prefix's KV cache can serve other rows, and whether a picture's features can.
    window : int
        A sliding window of the language model; 0 for none.
    processors : list
        Logits processors that the generation config asks for.
    out_prefix : tuple of int
        What the authors' program records in front of an answer's ids: v1.5 a start token.
    """

    model: Any
    ends: frozenset[int]
    pad: int
    stop: str
    vocabulary: int
    reuses: bool
    features: bool
    window: int
    processors: list[Any]
    out_prefix: tuple[int, ...]

    def describe(self) -> Description:
        """What was loaded."""
        ...

    def recorded_prompt(self, request: Request) -> str:
        """What goes into an answer's ``prompt``."""
        ...

    def see(self, picture: Picture) -> Visual:
        """Open and prepare a picture; may raise ItemFailed. Called in several threads."""
        ...

    def prepare(self, request: Request, visuals: Sequence[Visual]) -> Prompt:
        """Tokenise a request, whose pictures have been seen; may raise ItemFailed."""
        ...

    def encode(self, visuals: Sequence[Visual]) -> list[Any]:
        """Features of pictures, one by one in order."""
        ...

    def prefill(
        self, prompts: Sequence[Prompt], features: Any, cache: Any, *, whole: bool
    ) -> tuple[Tensor, Tensor]:
        """Run prompts of one length, or left-padded wholes, with their pictures.

        Returns
        -------
        logits : (rows, vocabulary)
            Of the last place.
        shift : (rows,)
            What a text position later in the row has to be shifted by (M-RoPE), else zeros.
        """
        ...

    def forward(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any) -> Tensor:
        """Run text tokens on a cache; logits (rows, vocabulary) of the last place."""
        ...

    def plain_inputs(self, prompts: Sequence[Prompt]) -> dict[str, Any]:
        """What ``generate`` of transformers takes for a left-padded batch."""
        ...

    def text(self, ids: Sequence[int]) -> str:
        """Ids to text, not trimmed."""
        ...

    def settled(self, ids: Sequence[int]) -> Sequence[int]:
        """Ids whose text the next token cannot change."""
        ...

    def trim(self, text: str, form: str) -> str:
        """What the authors' programs make of the decoded text."""
        ...

    def stages(self, prompt: Prompt) -> dict[str, Any]:
        """Arrays on the way to the language model, for the trace."""
        ...


def opened(picture: Picture) -> Any:
    """Open a request's picture; may raise ItemFailed."""
    return open_picture(picture.source, frame=picture.frame, window=picture.window)


def cleaned(text: str) -> str:
    """A question without picture tokens, stripped."""
    return text.replace(IMAGE, "").strip()


def split_thoughts(text: str) -> tuple[str, str]:
    """Part what a model thought aloud from its answer.

    Returns
    -------
    answer, reasoning : str
        An unfinished thought leaves no answer.
    """
    found = _THOUGHT.match(text)
    if found:
        return text[found.end() :].strip(), (found.group(1) or found.group(2) or "").strip()
    if text.lstrip().startswith(("<think>", "<unused94>")):
        return "", re.sub(r"^\s*(<think>|<unused94>(thought\n?)?)", "", text).strip()
    head, mark, tail = text.partition("</think>")  # templates that open the thought in the prompt
    return (tail.strip(), head.strip()) if mark else (text, "")


def last_user(turns: Sequence[tuple[str, str]]) -> str:
    """The question that is asked now."""
    return next((text for role, text in reversed(turns) if role == "user"), "")


def with_first_user(turns: Sequence[tuple[str, str]], change: Any) -> list[tuple[str, str]]:
    """Change the first user turn's text, and clean the others."""
    changed: list[tuple[str, str]] = []
    first = True
    for role, text in turns:
        if role == "user" and first:
            changed.append((role, change(text)))
            first = False
        else:
            changed.append((role, cleaned(text)))
    return changed


def left_padded(rows: Sequence[Sequence[int]], fill: int) -> Any:
    """Rows of ids as one tensor (rows, longest), filled up on the left, and its mask."""
    import torch

    longest = max(map(len, rows))
    ids = torch.tensor([[fill] * (longest - len(row)) + list(row) for row in rows], dtype=torch.long)
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], dtype=torch.long)
    return ids, mask
