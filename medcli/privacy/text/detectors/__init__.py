"""Detectors for what rules cannot see: local models, Presidio, and a language model that the user hosts.

Each is a :class:`~medcli.privacy.text.span.Detector`, loaded by name on first use. What cannot be loaded is said
before anything is read. Refuses to know texts and policies.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from medcli.errors import UsageError
from medcli.privacy.text.detectors.watched import Watched
from medcli.privacy.text.span import Detector

__all__ = ["NAMES", "TIMEOUT", "Watched", "check", "load"]

#: Name of each, and the module that has a function ``load(source, trusted, timeout)``.
NAMES = {
    "presidio": "presidio",
    "hf": "hugging_face",
    "gliner": "gliner",
    "llm": "hosted",
}
TIMEOUT = 30.0
_NEEDS = {"hf": "a folder or Hub id", "gliner": "a folder or Hub id", "llm": "an address and a model"}


def check(wish: str, trusted: Iterable[str] | None = None) -> tuple[str, str]:
    """The name and the source of a wish as ``hf:FOLDER``; loads nothing.

    Parameters
    ----------
    wish
        As the user gave it.
    trusted
        Hosts that a hosted model may be at, where they are known already.

    Raises
    ------
    UsageError
        Where there is no such detector, its source is missing, or it is hosted where nobody is trusted.
    """
    name, _, source = wish.partition(":")
    if name not in NAMES:
        raise UsageError(f"--detector takes: {', '.join(NAMES)}.", hint="As in --detector hf:models/deid")
    if not source and name in _NEEDS:
        raise UsageError(f"--detector {name} needs {_NEEDS[name]}.", hint=_HINTS[name])
    if name == "llm" and trusted is not None:
        from medcli.privacy.text.detectors import hosted

        hosted.load(source, frozenset(trusted), TIMEOUT)
    return name, source


_HINTS = {
    "hf": "As in --detector hf:models/deid",
    "gliner": "As in --detector gliner:models/gliner-pii",
    "llm": "As in --detector llm:http://127.0.0.1:8000/v1#qwen3 --trust-host 127.0.0.1",
}


def load(wish: str, *, trusted: Iterable[str] = (), timeout: float = TIMEOUT) -> Detector:
    """Load a detector.

    Parameters
    ----------
    wish
        ``presidio``, ``hf:FOLDER``, ``gliner:FOLDER`` or ``llm:URL#MODEL``.
    trusted
        Hosts that a hosted model may be at.
    timeout
        Seconds that a hosted model may take.

    Raises
    ------
    UsageError
        Where the wish cannot be meant, or names a host that is not trusted.
    SetupError
        Where a package or a model is missing.
    """
    name, source = check(wish)
    module = importlib.import_module(f"medcli.privacy.text.detectors.{NAMES[name]}")
    detector: Detector = module.load(source, frozenset(trusted), timeout)
    return detector
