"""The gate: what every question passes before a model sees it, on this machine or another.

The one module of it that other parts of medcli import: settings (:class:`Gate`), a session of questions
(:class:`Session`), what comes through (:class:`Safe`), what does not (:class:`Refused`), and what was done
(:class:`Receipt`). Finds in process; opens no socket. Refuses to let anything through that it could not search: a
detector that raises, hangs or lies, a part that is no text, identity that is found again. How, is told in
:mod:`medcli.privacy.gating`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli.privacy.gating.receipt import Receipt
from medcli.privacy.gating.refusal import Refused
from medcli.privacy.gating.request import Answered, Safe
from medcli.privacy.gating.session import Session
from medcli.privacy.gating.settings import Gate

if TYPE_CHECKING:
    from medcli.privacy.gating.images import Image
    from medcli.privacy.gating.vault import Vault
    from medcli.privacy.text.known import Fact

__all__ = [
    "Answered",
    "Gate",
    "Image",
    "Receipt",
    "Refused",
    "Safe",
    "Session",
    "Vault",
    "check",
    "facts_of",
    "named_in",
    "open_vault",
    "placeholders_in",
    "prepare",
    "restored",
]


def prepare(
    question: str,
    images: Sequence[Image] = (),
    history: Sequence[tuple[str, str]] = (),
    known: Iterable[Fact] = (),
    *,
    gate: Gate | None = None,
    vault: Vault | None = None,
) -> tuple[Safe, Vault, Receipt]:
    """Make one question safe.

    Parameters
    ----------
    question
        What is asked.
    images, known
        As of :meth:`Session.prepare`.
    history
        Role and text of the turns before.
    gate
        The settings; those of a backend on another machine where None.
    vault
        To go on with.

    Returns
    -------
    tuple
        What may be sent, what the placeholders in it stand for, and what was done.

    Raises
    ------
    Refused
        If nothing must leave.
    """
    session = (gate or Gate(remote=True)).session(vault)
    safe = session.prepare([*history, ("user", question)], images, known)
    assert session.receipt is not None
    return safe, session.vault, session.receipt


def open_vault(path: Path) -> AbstractContextManager[Vault]:
    """Open an encrypted vault, or begin one; see :func:`medcli.privacy.gating.sealed.open_vault`."""
    from medcli.privacy.gating import sealed

    return sealed.open_vault(path)


def facts_of(record: Mapping[str, object]) -> tuple[Fact, ...]:
    """What a record's own fields say of its patient, by the names of the fields: category and value."""
    from medcli.privacy.text.known import Known

    return Known.from_record(record).facts


def check(detectors: Iterable[str], trusted: Iterable[str]) -> None:
    """Hold detectors' names and hosts against what can be meant, before anything is loaded.

    Raises
    ------
    UsageError
        If one cannot be meant, or its host is not trusted.
    """
    hosts = frozenset(trusted)
    for wish in detectors:
        from medcli.privacy.text import detectors as known

        known.check(wish, hosts)


def named_in(text: str, tokens: Iterable[str]) -> list[str]:
    """Those placeholders that a text names, however spelt."""
    from medcli.privacy.gating.tokens import found, spelt

    said = {spelt(one.label, one.number) for one in found(text)}
    return sorted(said.intersection(tokens))


def placeholders_in(text: str) -> list[str]:
    """All placeholders that a text holds, however spelt, in order; no vault is asked whether they stand for something."""
    from medcli.privacy.gating.tokens import found, spelt

    return [spelt(one.label, one.number) for one in found(text)]


def restored(text: str, values: Mapping[str, str]) -> str:
    """A text with values in the place of placeholders, of which each is given by its own spelling."""
    from medcli.privacy.gating.vault import Vault

    return Vault.of(values).restore(text)


def __getattr__(name: str) -> Any:
    if name == "Image":
        from medcli.privacy.gating.images import Image

        return Image
    if name == "Vault":
        from medcli.privacy.gating.vault import Vault

        return Vault
    raise AttributeError(name)
