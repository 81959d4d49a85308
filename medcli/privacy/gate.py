"""The gate: what every question passes before a model sees it, on this machine or another.

Knows the order: what is known of the patient (headers, names of files, fields), the search of all texts, placeholders,
a second search, pixels, a receipt. Finds in process; opens no socket. Refuses to let anything through that it could not
search: a detector that raises, hangs or lies, a part that is no text, identity that is found again. Its errors and
receipts hold no text; its objects are not pickled, and their reprs count.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from medcli.errors import ItemError, MedcliError, SafetyRefused
from medcli.privacy.gating.receipt import Receipt, keyed

if TYPE_CHECKING:
    from medcli.privacy.gating.images import Image, PixelCleaner, Seen
    from medcli.privacy.gating.vault import Restorer, Vault
    from medcli.privacy.text.finder import Finder
    from medcli.privacy.text.known import Fact, Known
    from medcli.privacy.text.span import Detector, Span

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
    "prepare",
    "restored",
]

PIXELS = "gate-refused-pixels"
DETECTOR = "gate-refused-detector"
RESIDUE = "gate-refused-residue"
CONTENT = "gate-refused-content"

_ROLES = frozenset(("system", "user", "assistant"))
_SENTENCES = {
    PIXELS: (
        "The picture's pixels may show who the patient is, and were not cleaned, so it is not sent.",
        "Ask a model on this machine, or say --gate-pixels accept if you have looked at the picture.",
    ),
    DETECTOR: (
        "A detector failed or did not answer, so nothing is asked.",
        "Run the detector on a text of your own, or leave it out.",
    ),
    RESIDUE: ("Identity is still found after it was replaced, so nothing is asked.", "Reword the question."),
    CONTENT: (
        "A part of the question is of a kind that cannot be searched, so nothing is asked.",
        "Turns are texts of user, assistant and system; images are files or pictures.",
    ),
}


class Refused(SafetyRefused):
    """The gate lets nothing through.

    Parameters
    ----------
    kind : str
        Reason code.
    receipt : Receipt, optional
        What was counted until then.
    """

    def __init__(self, kind: str, receipt: Receipt | None = None) -> None:
        message, hint = _SENTENCES.get(kind, ("The question is kept back.", ""))
        super().__init__(message, hint=hint)
        self.kind, self.receipt = kind, receipt

    def __reduce__(self) -> tuple[type[Refused], tuple[str, Receipt | None]]:
        return Refused, (self.kind, self.receipt)


@dataclass(frozen=True, slots=True)
class Safe:
    """What a model may see.

    Attributes
    ----------
    turns
        Role and text, with placeholders.
    images
        What to show: the sources as they were given, or decoded and cleaned pictures. Of a file only decoded pixels
        may be used.
    places
        Of each placeholder, the number of the turn and the stretch of the original text that it stands for.
    """

    turns: tuple[tuple[str, str], ...] = field(repr=False)
    images: tuple[Any, ...] = field(default=(), repr=False)
    places: Mapping[str, tuple[int, int, int]] = field(default_factory=dict, repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A request is never pickled; the gate is asked where it is used.")


@dataclass(frozen=True, slots=True)
class Answered:
    """A model's answer, with the values in their places.

    Attributes
    ----------
    text
        As the person may read it.
    restored, unknown
        Placeholders that were replaced, and those that the model made up.
    found
        By category, how often the answer itself holds identity that no placeholder stands for.
    """

    text: str = field(repr=False)
    restored: int = 0
    unknown: int = 0
    found: Mapping[str, int] = field(default_factory=dict)

    def __reduce__(self) -> NoReturn:
        raise TypeError("An answer is never pickled.")


class Gate:
    """The gate's settings, and what is loaded for them; one a process. Picklable: what is loaded stays.

    Parameters
    ----------
    choice : {"on", "remote", "off"}
        Every backend is gated, remote ones only, or none.
    remote : bool
        Whether the backend is on another machine.
    pixels : {"auto", "refuse", "accept"}
        Whether pictures pass that may show identity and were not cleaned: ``auto``, to this machine only. A picture
        whose header says that it shows identity never passes to another machine.
    detectors : sequence of Detector or of str
        Asked beside rules and lists: objects, or names as ``hf:FOLDER``.
    timeout : float
        Seconds for each call of a detector.
    trusted : iterable of str
        Hosts that a hosted detector may be at.
    cleaner : PixelCleaner, optional
        Takes identity out of pixels.
    """

    def __init__(
        self,
        choice: Literal["on", "remote", "off"] = "on",
        *,
        remote: bool = False,
        pixels: Literal["auto", "refuse", "accept"] = "auto",
        detectors: Sequence[Detector | str] = (),
        timeout: float = 30.0,
        trusted: Iterable[str] = (),
        cleaner: PixelCleaner | None = None,
        key: bytes = b"",
    ) -> None:
        if choice not in ("on", "remote", "off") or pixels not in ("auto", "refuse", "accept"):
            raise ValueError("the gate is on, remote or off; pixels are auto, refuse or accept")
        self.choice, self.remote, self.pixels = choice, remote, pixels
        self.detectors, self.timeout, self.trusted = tuple(detectors), timeout, tuple(trusted)
        self.cleaner = cleaner
        self._key = key or secrets.token_bytes(32)
        self._finder: Finder | None = None
        self._reader: Finder | None = None

    def __reduce__(self) -> tuple[Callable[..., Gate], tuple[dict[str, Any]]]:
        named = ("choice", "remote", "pixels", "detectors", "timeout", "trusted", "cleaner")
        return _gate, ({name: getattr(self, name) for name in named} | {"key": self._key},)

    def __repr__(self) -> str:
        return f"Gate({self.choice!r}, remote={self.remote}, pixels={self.pixels!r})"

    @property
    def applies(self) -> bool:
        """Whether this backend's questions are gated."""
        return self.choice == "on" or (self.choice == "remote" and self.remote)

    @property
    def finder(self) -> Finder:
        """What searches requests, at high sensitivity; loads the detectors.

        Raises
        ------
        MedcliError
            If a detector cannot be loaded.
        """
        if self._finder is None:
            from medcli.privacy.text.detectors import Watched, load
            from medcli.privacy.text.finder import Finder

            loaded = [
                load(one, trusted=self.trusted, timeout=self.timeout) if isinstance(one, str) else one
                for one in self.detectors
            ]
            watched = tuple(Watched(one, self.timeout) for one in loaded)
            self._finder = Finder(sensitivity="high", detectors=watched)
        return self._finder

    @property
    def reader(self) -> Finder:
        """What searches answers: rules and lists at balanced sensitivity."""
        if self._reader is None:
            from medcli.privacy.text.finder import Finder

            self._reader = Finder()
        return self._reader

    @property
    def version(self) -> str:
        """What decides the finds of rules and lists; loads no detector."""
        from medcli.privacy.text.finder import Finder

        return Finder(sensitivity="high").version

    def load(self) -> None:
        """Load what is costly: detectors, and the lists."""
        self.finder.find("")

    def session(self, vault: Vault | None = None) -> Session:
        """Begin a session, which has a vault of its own, or goes on with one."""
        return Session(self, vault)

    def sign(self, content: object) -> str:
        """HMAC-SHA256 of a JSON value under the run's key."""
        return keyed(self._key, content)


def _gate(values: dict[str, Any]) -> Gate:
    return Gate(**values)


class Session:
    """Questions that share placeholders: one person has one number in all of them.

    Parameters
    ----------
    gate
        The settings.
    vault
        Of an earlier session; a new one where None.
    """

    def __init__(self, gate: Gate, vault: Vault | None = None) -> None:
        from medcli.privacy.gating.vault import Vault

        self.gate = gate
        self.vault = Vault() if vault is None else vault
        self.receipt: Receipt | None = None
        self._known: Known | None = None

    def __repr__(self) -> str:
        return f"Session({self.vault!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A session is never pickled or copied.")

    def prepare(
        self,
        turns: Sequence[tuple[str, str]],
        images: Sequence[Image] = (),
        known: Iterable[Fact] = (),
    ) -> Safe:
        """Make a request safe.

        Parameters
        ----------
        turns
            Role and text of each, the question last.
        images
            What is shown.
        known
            What is known of the patient beside the images' headers and names: category and value.

        Raises
        ------
        Refused
            If nothing must leave; :attr:`receipt` says so too.
        ItemError
            If an image's header cannot be read.
        """
        gate = self.gate
        about = Receipt(
            "not-gated",
            gate=gate.choice,
            backend="remote" if gate.remote else "local",
            policy=f"sensitivity high, pixels {gate.pixels}",
            turns=len(turns),
            images=["not looked at"] * len(images),
        )
        if not gate.applies:
            self.receipt = about
            return Safe(tuple((role, text) for role, text in turns), tuple(one.source for one in images))
        kind, safe = "", None
        try:
            safe, about = self._prepared(about, turns, images, known)
        except _Stop as stop:
            kind, about = stop.kind, stop.receipt or about
        except (ItemError, MemoryError):
            raise
        except Exception as error:  # its words may quote the question
            if isinstance(error, MedcliError) and not isinstance(error, SafetyRefused):
                raise
            kind = DETECTOR
        if safe is None:
            self.receipt = replace(about, decision="refused", reason=kind)
            raise Refused(kind, self.receipt)
        self.receipt = about
        return safe

    def restore(self, text: str) -> str:
        """An answer with the values in the place of their placeholders."""
        return self.vault.restore(text)

    def restorer(self) -> Restorer:
        """The same for an answer that comes in pieces."""
        from medcli.privacy.gating.vault import Restorer

        return Restorer(self.vault)

    def answer(self, text: str, *, restore: bool = True) -> Answered:
        """Search an answer for identity of its own, and put the values back.

        Parameters
        ----------
        text
            As the model gave it.
        restore
            False leaves the placeholders, and puts a tag in the place of identity that the model came up with.
        """
        found, spans = self.read(text)
        if not restore:
            for span in reversed(spans):
                text = f"{text[: span.start]}[{span.category}]{text[span.end :]}"
            return Answered(text, 0, 0, found)
        restorer = self.restorer()
        shown = restorer.feed(text) + restorer.finish()
        return Answered(shown, restorer.restored, restorer.unknown, found)

    def read(self, text: str) -> tuple[dict[str, int], list[Span]]:
        """Identity in an answer that no placeholder of it stands for: by category, and where."""
        from medcli.privacy.gating.tokens import found

        tokens = [(one.start, one.end) for one in found(text)]
        spans = [
            span
            for span in self.gate.reader.find(text, self._known)
            if not any(start < span.end and span.start < end for start, end in tokens)
        ]
        return dict(Counter(span.category for span in spans)), spans

    def _prepared(
        self,
        about: Receipt,
        turns: Sequence[tuple[str, str]],
        images: Sequence[Image],
        known: Iterable[Fact],
    ) -> tuple[Safe, Receipt]:
        from medcli.privacy.gating.masking import Residue, mask

        roles, texts = _checked(turns)
        seen = [_looked(image) for image in images]
        facts = tuple(known)
        self._known = _known_of(
            tuple(images_facts(seen)), facts, tuple(one.name for one in images if one.name)
        )
        about = replace(
            about,
            known=dict(Counter(category for category, _ in self._known.facts)),
            images=[f"{one.kind} {one.pixels}" for one in seen],
            versions=self.gate.finder.version,
            characters=sum(map(len, texts)),
        )
        shown = self._shown(images, seen, about)
        try:
            masked = mask(texts, lambda some: self.gate.finder.find_all(some, self._known), self.vault)
        except Residue:
            masked = None
        if masked is None:
            raise _Stop(RESIDUE, about)
        safe = Safe(tuple(zip(roles, masked.texts, strict=True)), shown, masked.places)
        return safe, replace(
            about,
            decision="passed",
            found=dict(sorted(masked.found.items())),
            rounds=masked.rounds,
            request=self.gate.sign(safe.turns),
        )

    def _shown(self, images: Sequence[Image], seen: Sequence[Seen], about: Receipt) -> tuple[Any, ...]:
        gate = self.gate
        if gate.cleaner is not None:
            return tuple(_cleaned(gate.cleaner, image, self._known) for image in images)
        strict = gate.pixels == "refuse" or (gate.pixels == "auto" and gate.remote)
        for one in seen:
            unsure = one.kind != "missing" and one.pixels in ("unseen", "shows-text", "says-identity")
            if (strict and unsure) or (gate.remote and one.pixels == "says-identity"):
                raise _Stop(PIXELS, about)
        return tuple(image.source for image in images)


class _Stop(Exception):
    """Nothing leaves; turned into :class:`Refused` where no text is at hand."""

    def __init__(self, kind: str, receipt: Receipt | None = None) -> None:
        super().__init__(kind)
        self.kind, self.receipt = kind, receipt


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


def restored(text: str, values: Mapping[str, str]) -> str:
    """A text with values in the place of placeholders, of which each is given by its own spelling."""
    from medcli.privacy.gating.vault import Vault

    return Vault.of(values).restore(text)


def images_facts(seen: Iterable[Seen]) -> Iterable[Fact]:
    """What the headers of images say."""
    return (fact for one in seen for fact in one.facts)


def _checked(turns: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    roles, texts = [], []
    for turn in turns:
        pair: Any = turn
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise _Stop(CONTENT)
        role, text = pair
        if role not in _ROLES or not isinstance(text, str):
            raise _Stop(CONTENT)
        roles.append(role)
        texts.append(text)
    return roles, texts


def _looked(image: Image) -> Seen:
    from medcli.privacy.gating.images import look

    if not (isinstance(image.source, (str, Path, bytes)) or hasattr(image.source, "getbands")):
        raise _Stop(CONTENT)
    return look(image)


@lru_cache(128)  # questions come ordered by image
def _known_of(headers: tuple[Fact, ...], facts: tuple[Fact, ...], names: tuple[str, ...]) -> Known:
    from medcli.privacy.gating.images import facts_of_name
    from medcli.privacy.text.finder import Finder
    from medcli.privacy.text.known import Known

    finder, said = Finder(sensitivity="high"), list[Any]()
    for name in names:
        apart = "".join(letter if letter.isalnum() or letter in ".-'" else " " for letter in name)
        spans = {apart[span.start : span.end]: span.category for span in finder.find(apart)}
        said += facts_of_name(name, spans)
    return Known((*headers, *facts, *said))


def _cleaned(cleaner: PixelCleaner, image: Image, known: Known | None) -> Any:
    from medcli.imaging import open_picture
    from medcli.privacy.text.known import Known

    picture = open_picture(image.source, frame=image.frame, window=image.window)
    shown: Any = cleaner.clean(picture, Known() if known is None else known)
    if not hasattr(shown, "getbands") or shown.size != picture.size:
        raise _Stop(PIXELS)
    return shown


def __getattr__(name: str) -> Any:
    if name == "Image":
        from medcli.privacy.gating.images import Image

        return Image
    if name == "Vault":
        from medcli.privacy.gating.vault import Vault

        return Vault
    raise AttributeError(name)
