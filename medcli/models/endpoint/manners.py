"""What a server takes: learned from the first request that it refuses, then kept for all.

Knows the optional parameters of chat completions; refuses to know servers. Nothing of a refusal's text is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from medcli.models.protocol import Sampling

_SCHEMA = "response_format"
_OPTIONAL = ("temperature", "top_p", "seed", "min_tokens", "stream_options", _SCHEMA)
_SCHEMA_WORDS = re.compile(r"json[_ ]schema|response[_ ]format|structured output|guided[_ ]")
_OLD, _NEW = "max_tokens", "max_completion_tokens"
_REFUSED = re.compile(
    r"unsupported|not support|unrecogni[sz]ed|unexpected|unknown|extra|not permitted|not allowed|deprecated|instead"
)
_TOO_LONG = re.compile(
    r"context[ _]length|context[ _]window|too large|too long|max_model_len|maximum (model|sequence|prompt) length"
)

_FILTER = re.compile(r"content_filter|content management policy|responsibleaipolicyviolation")
_UNPAID = re.compile(r"insufficient_quota|insufficient[_ ]balance|billing_hard_limit|credit balance")


class Manners:
    """Which parameters are sent.

    Attributes
    ----------
    version : int
        Grows with what is learned: a refusal of a request of an older version teaches nothing.
    """

    def __init__(self) -> None:
        self.version = 0
        self._limit = _OLD
        self._dropped: set[str] = set()

    def parameters(
        self, sampling: Sampling, seed: int, schema: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the parameters beside model and messages; a schema is offered as structured output."""
        wanted: dict[str, Any] = {"temperature": sampling.temperature}
        if schema is not None:
            form = {"name": "answer", "schema": schema, "strict": True}
            wanted[_SCHEMA] = {"type": "json_schema", "json_schema": form}
        if sampling.temperature > 0:
            wanted["seed"] = seed
        if sampling.top_p < 1:
            wanted["top_p"] = sampling.top_p
        if sampling.min_new_tokens:
            wanted["min_tokens"] = sampling.min_new_tokens
        kept = {name: value for name, value in wanted.items() if name not in self._dropped}
        return kept | {self._limit: sampling.max_new_tokens}

    def takes(self, name: str) -> bool:
        """Whether a parameter may be sent, for all that is known."""
        return name not in self._dropped

    def learn(self, refusal: bytes) -> bool:
        """Take what can be learned from a refusal (400 or 422); say whether anything was."""
        text, param = _words(refusal)
        if too_long(refusal):
            return False
        named = {name for name in _OPTIONAL if name == param or re.search(rf"\b{name}\b", text)}
        if _SCHEMA_WORDS.search(text) or param.startswith(_SCHEMA):
            named.add(_SCHEMA)
        fresh = named - self._dropped
        self._dropped |= fresh
        limit = self._limit == _OLD and (
            _NEW in text or param == _OLD or (re.search(rf"\b{_OLD}\b", text) and _REFUSED.search(text))
        )
        if limit:
            self._limit = _NEW
        self.version += bool(fresh or limit)
        return bool(fresh or limit)

    @staticmethod
    def about_parameters(refusal: bytes) -> bool:
        """Whether something can be learned from a refusal by one who knows nothing yet."""
        return Manners().learn(refusal)

    def notes(self) -> tuple[str, ...]:
        """Tell the person what is not sent, because it changes answers."""
        names = ", ".join(sorted(self._dropped - {"stream_options", _SCHEMA}))
        return (f"The server does not take: {names}.",) if names else ()


def filtered(refusal: bytes) -> bool:
    """Whether a refusal is about the content of a prompt (Azure)."""
    return bool(_FILTER.search(_words(refusal)[0]))


def unpaid(refusal: bytes) -> bool:
    """Whether a refusal says that an account is used up, so that waiting does not help."""
    return bool(_UNPAID.search(_words(refusal)[0]))


def too_long(refusal: bytes) -> bool:
    """Whether a refusal is about a prompt that is longer than the model can take."""
    return bool(_TOO_LONG.search(_words(refusal)[0]))


def _words(refusal: bytes) -> tuple[str, str]:
    """Return a refusal's text in small letters, and the parameter that it names, if it does so by OpenAI's rules."""
    text = refusal[:4000].decode("utf-8", "replace").lower()
    try:
        content = json.loads(refusal)
    except ValueError:
        return text, ""
    error = content.get("error", content) if isinstance(content, dict) else {}
    param = error.get("param") if isinstance(error, dict) else None
    return text, param if isinstance(param, str) else ""
