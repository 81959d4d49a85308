"""How many tokens a request can take, without the model's tokenizer: a bound that holds, and an estimate that learns.

**The bound.** A tokenizer of bytes (GPT's, Llama 3's, Qwen's) makes at most one token of each byte; one of characters with
bytes to fall back on (SentencePiece: Llama 2's, Mistral's, Gemma's) at most one of each byte of its normal form, and one
more for the blank that it puts before a text. So the bytes of a text, or of its compatibility decomposition where that
is longer, plus one, are never fewer than its tokens. What a server lays around the turns is not known; room is left for
it (:data:`TURN`, :data:`REQUEST`). English prose has about four bytes a token, so the bound is about four times what comes.

**The estimate** is for planning and for the pace: what ``usage`` of earlier replies said, by byte.

Knows messages as they are sent; refuses to know prices.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TURN, REQUEST = (
    16,
    256,
)  # tokens around a turn, and around all of them (some templates have a system text of their own)
IMAGE = 2048  # tokens of a picture where nothing else is known
_USUAL = 0.27  # tokens a byte of English medical prose, until a reply says better
_ENOUGH = 16  # replies after which the largest ratio seen is believed
_SPARE = 1.03


def bound(text: str) -> int:
    """Return a number of tokens that no tokenizer of the kinds above exceeds for a text.

    >>> bound("MRI"), bound("µm")
    (4, 4)
    """
    if text.isascii():
        return len(text) + 1
    plain = len(text.encode("utf-8", "surrogatepass"))
    return max(plain, len(unicodedata.normalize("NFKD", text).encode("utf-8", "surrogatepass"))) + 1


@dataclass(frozen=True, slots=True)
class Size:
    """What a request holds.

    Attributes
    ----------
    tokens : int
        Bound of its texts and what lies around them, without pictures.
    images : int
        How many pictures.
    """

    tokens: int
    images: int = 0

    def most(self, image_tokens: int = IMAGE) -> int:
        """Tokens that the prompt takes at most, if a picture takes at most so many."""
        return self.tokens + self.images * image_tokens


def measure(messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any] | None = None) -> Size:
    """Measure messages as chat completions take them; a schema counts, because servers lay it before the model."""
    tokens, images = REQUEST, 0
    for message in messages:
        tokens += TURN
        content = message.get("content")
        if isinstance(content, str):
            tokens += bound(content)
        else:
            for part in content or ():
                text = part.get("text")
                tokens += bound(text) if isinstance(text, str) else 0
                images += not isinstance(text, str)
    if schema is not None:
        tokens += bound(json.dumps(schema))
    return Size(tokens, images)


class Estimate:
    """Tokens of requests like those that were answered before.

    A ratio is that of a prompt's tokens to their bound; pictures count as :data:`IMAGE` in it.
    """

    def __init__(self) -> None:
        self.replies = self._prompts = self._bounds = self._answers = self._rooms = 0
        self._largest = 0.0

    def note(self, size: Size, max_tokens: int, prompt_tokens: int, completion_tokens: int) -> None:
        """Take what a reply's ``usage`` says; nothing where it says nothing."""
        if prompt_tokens <= 0:
            return
        self.replies += 1
        self._prompts += prompt_tokens
        self._bounds += size.most()
        self._answers += completion_tokens
        self._rooms += max_tokens
        self._largest = max(self._largest, prompt_tokens / size.most())

    def prompt(self, size: Size) -> int:
        """Tokens that a prompt will likely take."""
        if self.replies:
            return round(size.most() * self._prompts / self._bounds)
        return round(size.tokens * _USUAL) + size.images * IMAGE

    def completion(self, max_tokens: int) -> int:
        """Tokens that an answer will likely take; half of the room for it until a reply says better."""
        if self._rooms:
            return min(max_tokens, round(max_tokens * self._answers / self._rooms))
        return max_tokens // 2

    def weight(self, size: Size, max_tokens: int) -> int:
        """Tokens that a request and its answer will hardly exceed: what the pace reckons with before the answer is there."""
        most = size.most()
        if self.replies >= _ENOUGH:
            most = min(most, round(most * self._largest * _SPARE) + 1)
        return most + max_tokens
