"""Requests to messages, and completions to replies.

Pictures stand before the question. Only pixels leave: each picture is decoded and encoded anew as PNG, so that
nothing of its file's header goes along; questions come ordered by picture, so the last few are kept encoded.
"""

from __future__ import annotations

import base64
import io
import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any

from medcli.errors import ItemFailed
from medcli.imaging import open_picture
from medcli.models.endpoint.troubles import FILTERED
from medcli.models.family import cleaned, split_thoughts
from medcli.models.protocol import Picture, Reply, Request

GARBLED = "endpoint-garbled"
_KEPT = 32


class Pictures:
    """The last few pictures, as data addresses."""

    def __init__(self) -> None:
        self._kept: OrderedDict[object, str] = OrderedDict()
        self._lock = threading.Lock()

    def address(self, picture: Picture) -> str:
        """Return a picture as a data address; raises ItemFailed where it cannot be read."""
        if not isinstance(picture.source, Hashable):
            return _address(picture)  # decoded already: it has no name to be known by
        key = (picture.source, picture.frame, picture.window)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        address = _address(picture)
        with self._lock:
            self._kept[key] = address
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return address


def _address(picture: Picture) -> str:
    image = open_picture(picture.source, frame=picture.frame, window=picture.window)
    content = io.BytesIO()
    image.convert("RGB" if image.mode == "RGBA" else image.mode).save(content, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def messages(request: Request, pictures: Pictures) -> list[dict[str, Any]]:
    """Lay out the turns, with the pictures at the head of the user's first."""
    shown = [{"type": "image_url", "image_url": {"url": pictures.address(one)}} for one in request.pictures]
    laid: list[dict[str, Any]] = []
    for role, text in request.turns:
        content: Any = cleaned(text)
        if role == "user" and shown:
            content = [*shown, {"type": "text", "text": content}]
            shown = []
        laid.append({"role": role, "content": content})
    return laid


def reply_of(request: Request, completion: object) -> Reply:
    """Read a completion.

    Raises
    ------
    ItemFailed
        If it is none.
    """
    try:
        choice = completion["choices"][0]  # type: ignore[index]
        message = choice["message"]
        text = text_of(message.get("content"))
        aloud = message.get("reasoning_content") or message.get("reasoning") or ""
        usage = completion.get("usage") or {}  # type: ignore[attr-defined]
        read, written = (int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens"))
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        raise ItemFailed(GARBLED) from None
    prompt = cleaned(request.turns[-1][1])
    reason = choice.get("finish_reason")
    if reason == "content_filter":
        return Reply(request.key, prompt=prompt, finish_reason="error", error=FILTERED)
    answer, thought = (text, str(aloud)) if aloud else split_thoughts(text)
    finish = "length" if reason == "length" else "stop"
    return Reply(request.key, answer.strip(), prompt, finish, read, written, reasoning=thought.strip())


def piece_of(event: object) -> tuple[str, str]:
    """Return the text that an event of a stream adds, and why the answer ends with it, or two empty strings.

    Raises
    ------
    ItemFailed
        If it is no event.
    """
    if not isinstance(event, Mapping) or not event.get("choices"):
        return "", ""
    try:
        choice = event["choices"][0]
        said = (
            choice.get("delta") or choice.get("message") or {}
        )  # some servers do not stream, for all we ask
        ended = choice.get("finish_reason") or ("stop" if "message" in choice else "")
        return text_of(said.get("content")), str(ended)
    except (KeyError, TypeError, AttributeError):
        raise ItemFailed(GARBLED) from None


def text_of(content: object) -> str:
    """Return a message's text, which can come in parts or be missing; TypeError for what is neither."""
    if isinstance(content, Mapping):
        raise TypeError
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return "" if content is None else str(content)
