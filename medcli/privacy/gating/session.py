"""Questions on their way through the gate, and their answers on the way back.

Knows the order: what is known of the patient (headers, names of files, fields), the search of all texts, placeholders,
a second search, pixels, a receipt. Whatever fails on that way becomes a refusal that quotes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from medcli.errors import ItemError, MedcliError, SafetyRefused
from medcli.privacy.gating.pixels import Unreadable
from medcli.privacy.gating.receipt import Receipt
from medcli.privacy.gating.refusal import CONTENT, DETECTOR, PIXELS, RESIDUE, Refused, Stop
from medcli.privacy.gating.request import Answered, Safe

if TYPE_CHECKING:
    from medcli.privacy.gating.images import Image, PixelCleaner, Seen
    from medcli.privacy.gating.settings import Gate
    from medcli.privacy.gating.vault import Restorer, Vault
    from medcli.privacy.text.known import Fact, Known
    from medcli.privacy.text.span import Span

__all__ = ["Session"]

_ROLES = frozenset(("system", "user", "assistant"))


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
        except Stop as stop:
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
            tuple(_facts_of_images(seen)), facts, tuple(one.name for one in images if one.name)
        )
        about = replace(
            about,
            known=dict(Counter(category for category, _ in self._known.facts)),
            images=[f"{one.kind} {_state(one, self.gate)}" for one in seen],
            versions=self.gate.finder.version,
            characters=sum(map(len, texts)),
        )
        shown = self._shown(images, seen, about)
        try:
            masked = mask(texts, lambda some: self.gate.finder.find_all(some, self._known), self.vault)
        except Residue:
            masked = None
        if masked is None:
            raise Stop(RESIDUE, about)
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
            return tuple(
                image.source if _settled(one) else self._cleaned(gate.cleaner, image, about)
                for image, one in zip(images, seen, strict=True)
            )
        strict = gate.pixels == "refuse" or (gate.pixels == "auto" and gate.remote)
        for one in seen:
            unsure = one.kind != "missing" and one.pixels in ("unseen", "shows-text", "says-identity")
            if (strict and unsure) or (gate.remote and one.pixels == "says-identity"):
                raise Stop(PIXELS, about)
        return tuple(image.source for image in images)

    def _cleaned(self, cleaner: PixelCleaner, image: Image, about: Receipt) -> Any:
        from medcli.imaging import open_picture
        from medcli.privacy.text.known import Known

        known = Known() if self._known is None else self._known
        key = (_version(image.source), image.frame, image.window, known.facts)
        shown: Any = self.gate.shown.get(key)
        if shown is None:
            picture = open_picture(image.source, frame=image.frame, window=image.window)
            try:
                shown = cleaner.clean(picture, known)
            except Unreadable:
                raise Stop(PIXELS, about) from None
            if not hasattr(shown, "getbands") or shown.size != picture.size:
                raise Stop(PIXELS, about)
            self.gate.shown.keep(key, shown)
        return shown


def _facts_of_images(seen: Iterable[Seen]) -> Iterable[Fact]:
    """What the headers of images say."""
    return (fact for one in seen for fact in one.facts)


def _checked(turns: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    roles, texts = [], []
    for turn in turns:
        pair: Any = turn
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise Stop(CONTENT)
        role, text = pair
        if role not in _ROLES or not isinstance(text, str):
            raise Stop(CONTENT)
        roles.append(role)
        texts.append(text)
    return roles, texts


def _looked(image: Image) -> Seen:
    from medcli.privacy.gating.images import look

    if not (isinstance(image.source, (str, Path, bytes)) or hasattr(image.source, "getbands")):
        raise Stop(CONTENT)
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


def _settled(seen: Seen) -> bool:
    """Whether nobody need look at the pixels: there are none, or identity was taken out of them before."""
    return seen.kind == "missing" or seen.pixels == "declared"


def _state(seen: Seen, gate: Gate) -> str:
    return seen.pixels if gate.cleaner is None or _settled(seen) else "cleaned"


def _version(source: Any) -> Any:
    """What tells one content of a source from another."""
    if isinstance(source, (str, Path)):
        status = Path(source).stat()
        return str(source), status.st_mtime_ns, status.st_size
    return source if isinstance(source, bytes) else object()
