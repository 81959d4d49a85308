"""One line of the answers file: of a reply, or of a row that has none.

Knows LLaVA-Med's keys and what goes into ``metadata``; refuses to know who asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

from medcli.ask.plan import Asked
from medcli.models.protocol import Description, Reply
from medcli.records import Answer

_MARGIN_DIGITS = 2  # finer digits depend on how many threads a sum is split over


class Trouble(NamedTuple):
    """Why a row has no answer: a reason code, and of an unexpected error its class and place."""

    kind: str
    at: str = ""


def answer_of(asked: Asked, key: str, reply: Reply, model: Description) -> Answer:
    """Make the record of a reply; of an error, whatever else was said, only the reason."""
    if reply.error:
        return failure_of(asked, key, Trouble(reply.error), model.model_id, reply.prompt)
    margin = reply.first_token_margin
    known: dict[str, object] = {
        "finish_reason": reply.finish_reason,
        "prompt_tokens": reply.prompt_tokens,
        "answer_tokens": reply.answer_tokens,
        "first_token_margin": None if margin is None else round(margin, _MARGIN_DIGITS),
        "template": model.template,
        "dtype": model.dtype,
        "image_processor": model.image_processor if asked.images else "",
        "choices": asked.rendering,
        "reasoning": reply.reasoning,
    }
    metadata = {name: value for name, value in known.items() if value not in ("", None)}
    prompt = reply.prompt or asked.prompt
    return Answer(
        asked.question_id, prompt, reply.text, answer_id(key, model.model_id), model.model_id, metadata
    )


def failure_of(asked: Asked, key: str, trouble: Trouble, model_id: str, prompt: str = "") -> Answer:
    """Make the record of a row that has no answer."""
    metadata: dict[str, object] = {"error": trouble.kind}
    if trouble.at:
        metadata["at"] = trouble.at
    if isinstance(asked.turns, int):
        metadata["line"] = asked.turns
    identity = answer_id(key, model_id)
    return Answer(asked.question_id, prompt or asked.prompt, "", identity, model_id, metadata)


def answer_id(key: str, model_id: str) -> str:
    """Derive 22 hexadecimal digits from a row's key and the model's name."""
    return blake2b(f"{key} {model_id}".encode(), digest_size=11).hexdigest()


def line_of(answer: Answer) -> bytes:
    """Write out a line, without its end. What UTF-8 cannot hold (half a surrogate pair) is escaped."""
    content: Mapping[str, object] = answer.to_json()
    try:
        return json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(content).encode()
