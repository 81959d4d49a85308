"""The walk through one data set that is rewritten: levels, sequences, what is noted on the way.

Knows elements, items and segments. Refuses to know what any action does to a value: classes that build on this one do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from medcli.privacy.dicom import codes, values
from medcli.privacy.dicom.encoding import IMPLICIT_LE, UNDEFINED, Buffer, Damaged, Encoding, Odd
from medcli.privacy.dicom.pixels import Masked
from medcli.privacy.dicom.pseudonyms import Pseudonyms, normal
from medcli.privacy.dicom.segments import Segment, length_of, shorten
from medcli.privacy.dicom.skip import ITEM, SEQUENCE_END, header
from medcli.privacy.dicom.table import Table
from medcli.privacy.dicom.walk import Element, Walk, walk

if TYPE_CHECKING:
    from medcli.privacy.dicom.clean import Cleaner, Identity

__all__ = ["Found", "Replacement", "Rewriting"]

#: Values from this length on (bytes) identify nobody: they are documents or damage.
LONG = 1 << 20

#: What a handler gives: None keeps the element, bytes or segments stand in its place (no bytes: it goes).
Replacement = bytes | list[Segment] | None


class Found(NamedTuple):
    """A value of the source that identifies, and must not be found in what is written."""

    vr: str
    tag: int
    raw: bytes
    charset: bytes


class Rewriting:
    """The rewriting of one file.

    Parameters
    ----------
    table
        The compiled policy.
    names
        Pseudonyms of the key.
    data
        The file's bytes.
    sop_class
        SOP Class UID, by which conditional codes are resolved.
    basis
        The patient's identity basis.
    cleaner, identity
        What cleans texts, and of whom; None where the policy cleans none.

    Attributes
    ----------
    found
        Identifying values that went.
    kept
        Values that an option kept, or that replace others: not to be searched for.
    instance
        The SOP Instance UID that the result will have.
    makers
        Manufacturer and model, where they are kept.
    actions
        (letter, tag) of each change, in file order.
    cleaned
        Tags of texts that were searched and kept.
    crosswalk
        (kind, old, new) of each pseudonym.
    """

    #: Code of an action -> the method that does it; None keeps the element, bytes stand in its place.
    _handlers: ClassVar[Mapping[int, Callable[..., Replacement]]] = {}

    def __init__(
        self,
        table: Table,
        names: Pseudonyms,
        data: Buffer,
        sop_class: str,
        basis: tuple[str, ...],
        *,
        cleaner: Cleaner | None = None,
        identity: Identity | None = None,
    ) -> None:
        self.table, self.names, self.data = table, names, data
        self.cleaner, self.identity = cleaner, identity
        self.sop_class, self.basis = sop_class, basis
        self.found: list[Found] = []
        self.kept: list[bytes] = []
        self.actions: list[tuple[str, int]] = []
        self.crosswalk: list[tuple[str, str, str]] = []
        self.charset = b""
        self.encoding = IMPLICIT_LE
        self.path: tuple[int, ...] = ()
        self.here: list[Element] = []
        self.ends: dict[int, int] = {}
        self.instance = ""
        self.makers: list[bytes] = []
        self.pixels: dict[int, Element] = {}
        self.masked: Masked | None = None
        self.cleaned: set[int] = set()
        self._private: dict[int, int] = {}
        self._document_length: int | None = None

    def level(
        self, found: Walk, start: int, encoding: Encoding, inserts: Sequence[bytes] = ()
    ) -> list[Segment]:
        """The new bytes of one data set or item.

        Parameters
        ----------
        found
            The walk over it.
        start
            Offset of its first element.
        encoding
            Its layout.
        inserts
            Elements to set in at the walk's slots (empty bytes: nothing).

        Returns
        -------
        list
            Segments in order, without the closing delimiter.
        """
        outer = (self.charset, self.encoding, self.here, self._private)
        self.encoding, self.here = encoding, found.elements
        if self.table.keeps_private:
            self._private = self._private_kept()
        segments: list[Segment] = []
        cursor = start
        pending = [(slot, new) for slot, new in zip(found.slots, inserts, strict=True) if new]
        for element in found.elements:
            while pending and pending[0][0] <= element.start:
                slot, new = pending.pop(0)
                segments += ((cursor, slot), new)
                cursor = slot
            replacement = self._handlers[element.code](self, element)
            if replacement is not None:
                segments.append((cursor, element.start))
                segments += [replacement] if isinstance(replacement, bytes) else replacement
                cursor = element.end
        for slot, new in pending:
            segments += ((cursor, slot), new)
            cursor = slot
        segments.append((cursor, found.stop))
        self.charset, self.encoding, self.here, self._private = outer
        return [segment for segment in segments if isinstance(segment, bytes) or segment[0] != segment[1]]

    def raw(self, element: Element) -> bytes:
        """The element's value bytes."""
        return self.data[element.value : element.end]

    def note(self, element: Element, vr: str = "") -> None:
        """Remember an identifying value for the search of the result."""
        vr = vr or self.vr(element)
        if vr == "SQ":
            self._collect(element)
        elif 0 < element.end - element.value < LONG:
            self.found.append(Found(vr, element.tag, self.raw(element), self.charset))

    def vr(self, element: Element) -> str:
        """The VR under which a replacement of the element is written."""
        known = codes.vrs_of(element.tag)
        actual = element.vr.decode("ascii")
        return actual if actual in known or not known else known[0]

    def put(self, element: Element, value: bytes, letter: str) -> bytes:
        """A new element with `value` in place of `element`."""
        self.actions.append((letter, element.tag))
        return self.encoding.element(element.tag, self.vr(element), value)

    def text(self, raw: bytes) -> str:
        """Text of `raw` without padding, in one Unicode form."""
        return normal(values.decode(raw, self.charset))

    def _collect(self, element: Element) -> None:
        """Note the identifying values inside a sequence that goes as a whole."""
        kept = (self.actions, self.crosswalk, self.kept, self.makers)
        place = (self.path, self.charset, self.encoding, self.here, self._private)
        self.actions, self.crosswalk, self.kept, self.makers = [], [], [], []
        # It goes anyway; but an odd one may hide names that have to be searched for, so it is put in order first.
        with suppress(Damaged, Odd) if element.tag >> 16 & 1 else suppress(Damaged):
            self._sequence(element)
        self.actions, self.crosswalk, self.kept, self.makers = kept
        self.path, self.charset, self.encoding, self.here, self._private = place

    def _drop(self, element: Element) -> bytes:
        self.actions.append(("X", element.tag))
        return b""

    def _drop_id(self, element: Element) -> bytes:
        self.note(element, element.vr.decode("ascii") if element.tag >> 16 & 1 else "")
        self.actions.append(("X", element.tag))
        return b""

    def _choose(self, element: Element) -> Replacement:
        if self.cleaner is not None and self.table.cleans_within(self.path, element.tag):
            return self._clean(element)
        return self._basic(element)

    def _basic(self, element: Element) -> Replacement:
        """What the Basic Profile does."""
        code = self.table.choose(self.sop_class, self.path, element.tag)
        done: Replacement = self._handlers[code](self, element)
        return done

    def _sequence(self, element: Element) -> Replacement:
        """Treat every item of a sequence by the same rules; None where nothing in it changed."""
        hidden = element.vr == b"UN"
        encoding = IMPLICIT_LE if hidden else self.encoding
        outer_path, charset = self.path, self.charset
        self.path = (*outer_path, element.tag)
        before = len(self.actions)
        body = self._items(element, encoding)
        self.path, self.charset = outer_path, charset
        if len(self.actions) == before:
            return None
        length = sum(map(length_of, body))
        if length >= UNDEFINED:
            raise Damaged("too-large")
        return [self.encoding.header(element.tag, "UN" if hidden else "SQ", length), *body]

    def _items(self, element: Element, encoding: Encoding) -> list[Segment]:
        data, pos = self.data, element.value
        bodies: list[Segment] = []
        while pos < element.end:
            tag, _, start, length = header(data, pos, element.end, encoding)
            if tag == SEQUENCE_END and element.undefined:
                break
            if tag != ITEM:
                raise Odd
            if length == 0:
                bodies.append(encoding.item_header(0))
                pos = start
                continue
            stop = element.end if length == UNDEFINED else start + length
            if stop > element.end:
                raise Damaged("truncated")
            found = walk(data, start, stop, encoding, self.table, depth=len(self.path), ends=self.ends)
            if length != UNDEFINED and found.end != stop:
                raise Odd
            segments = shorten(data, self.level(found, start, encoding))
            bodies += (encoding.item_header(sum(map(length_of, segments))), *segments)
            pos = found.end
        return bodies

    def _clean(self, element: Element) -> Replacement:
        """Keep a text with what identifies in it replaced."""
        raise NotImplementedError

    def _private_kept(self) -> dict[int, int]:
        """Private tags of this level that stay, creators among them: tag -> code."""
        raise NotImplementedError
