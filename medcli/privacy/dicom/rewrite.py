"""Apply the compiled actions to the noted elements of one data set and say what its new bytes are.

Knows what each action does to an element. Refuses to know files, pixels and how the result is searched.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from medcli.privacy import profiles
from medcli.privacy.dicom import codes, values
from medcli.privacy.dicom.encoding import (
    IMPLICIT_LE,
    SIZES,
    TEXT_VRS,
    UNDEFINED,
    Buffer,
    Damaged,
    Encoding,
    Odd,
    uid_text,
)
from medcli.privacy.dicom.pixels import Masked
from medcli.privacy.dicom.private import private_code
from medcli.privacy.dicom.pseudonyms import Pseudonyms, UnknownSubject, normal
from medcli.privacy.dicom.segments import Segment, dummy_items, length_of, shorten
from medcli.privacy.dicom.skip import ITEM, SEQUENCE_END, header
from medcli.privacy.dicom.table import Table
from medcli.privacy.dicom.walk import Element, Walk, walk

if TYPE_CHECKING:
    from medcli.privacy.dicom.clean import Cleaner, Identity

__all__ = ["Found", "Rewriter"]

SOP_INSTANCE = 0x00080018
#: Values from this length on (bytes) identify nobody: they are documents or damage.
_LONG = 1 << 20
#: What values 1 and 2 of Image Type become where they are no terms (PS3.3 C.7.6.1.1.2).
_IMAGE_TYPE = (b"DERIVED", b"SECONDARY")
#: Bytes of a UID value, its delimiter and padding.
UID_BYTES = b"0123456789.\\ \0"


#: What a handler gives: None keeps the element, bytes or segments stand in its place (no bytes: it goes).
Replacement = bytes | list[Segment] | None


class Found(NamedTuple):
    """A value of the source that identifies, and must not be found in what is written."""

    vr: str
    tag: int
    raw: bytes
    charset: bytes


class Rewriter:
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

    # -- helpers of the handlers

    def raw(self, element: Element) -> bytes:
        """The element's value bytes."""
        return self.data[element.value : element.end]

    def note(self, element: Element, vr: str = "") -> None:
        """Remember an identifying value for the search of the result."""
        vr = vr or self.vr(element)
        if vr == "SQ":
            self._collect(element)
        elif 0 < element.end - element.value < _LONG:
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

    # -- one handler an action: None keeps the element, bytes stand in its place

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
        return self._handlers[code](self, element)

    def _zero(self, element: Element) -> Replacement:
        if element.end == element.value:
            return None
        if self.table.identifies(element.tag):
            self.note(element)
        return self.put(element, b"", "Z")

    def _dummy(self, element: Element) -> Replacement:
        if self.table.identifies(element.tag):
            self.note(element)
        vr = self.vr(element)
        if vr == "UI":
            mapped = self._map_uids(element)
            return self._same_or_new_uid(element) if mapped is None else mapped
        if element.tag == codes.ENCAPSULATED_DOCUMENT:
            return self._document(element)
        if vr != "SQ":
            return self.put(element, values.dummy(vr), "D")
        self.actions.append(("D", element.tag))
        stand_in = dummy_items(self.encoding, element.tag, self.names.derived(""))
        self.kept.append(stand_in)
        return self.encoding.sequence(element.tag, stand_in)

    def _document(self, element: Element) -> Replacement:
        """An encapsulated document: cleaned where it is a text and the options say so, else an empty one."""
        cleaned = None
        asked = self.table.cleans_documents and not self.path and not element.undefined
        if asked and self.cleaner is not None and self.identity is not None:
            mime = next((self.raw(one) for one in self.here if one.tag == codes.MIME_TYPE), b"")
            cleaned = self.cleaner.document(
                self.raw(element), mime.decode("latin-1"), self.charset, self.identity
            )
        new = cleaned or values.dummy_document(self.data[element.value : element.value + 1024])
        if not self.path:
            self._document_length = len(new)
        return self.put(element, new, "C" if cleaned else "D")

    def _same_or_new_uid(self, element: Element) -> bytes:
        """A UID that must not be empty: a registered one stays, nothing becomes something."""
        old = uid_text(self.raw(element))
        return self.put(element, (old or self.names.derived("")).encode("ascii", "replace"), "D")

    def _map_uids(self, element: Element) -> Replacement:
        if self._names_nothing(element):
            return self.put(element, self.instance.encode("ascii"), "U")
        old = [uid_text(part) for part in self.raw(element).split(b"\\")]
        new = [self.names.uid(uid) for uid in old]
        if old == new:
            return None
        self.note(element, "UI")
        self.crosswalk += (("uid", a, b) for a, b in zip(old, new, strict=True) if a != b)
        return self.put(element, "\\".join(new).encode("ascii"), "U")

    def _names_nothing(self, element: Element) -> bool:
        """Whether the object's own SOP Instance UID is there and empty: it gets the one that the file meta has."""
        own = element.tag == SOP_INSTANCE and not self.path
        return own and not self.raw(element).strip(b"\0 ")

    def _uid_kept(self, element: Element) -> Replacement:
        if self._names_nothing(element):
            return self._map_uids(element)
        if self.raw(element).translate(None, UID_BYTES):
            return self._map_uids(element)
        self._keep_option(element)
        return None

    def _uid_class(self, element: Element) -> Replacement:
        return self._choose(element) if self.raw(element).translate(None, UID_BYTES) else None

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

    def _shift(self, element: Element) -> Replacement:
        vr, raw = self.vr(element), self.raw(element)
        if vr not in codes.DATES:
            return self._kept_time_zone(element)
        moved = values.shift(vr, raw, self.names.days(self.basis))
        if moved is None:
            return self._choose(element)
        if moved == raw:
            return None
        self.note(element)
        self.kept.append(moved)
        return self.put(element, moved, "C")

    def _kept_time_zone(self, element: Element) -> Replacement:
        """Rows marked C under modified dates that hold no date: a zone's offset may stay, anything else goes."""
        if element.tag == codes.TIME_ZONE and values.is_zone(self.raw(element)):
            return None
        return self._choose(element)

    def _date(self, element: Element) -> Replacement:
        if not values.is_date(self.vr(element), self.raw(element)):
            return self._choose(element)
        self.kept.append(self.raw(element))
        return None

    def _term(self, element: Element) -> Replacement:
        """Keep the values that are terms; where some are not, those alone are replaced."""
        tag, legal = element.tag, self._is_term
        parts = self.raw(element).rstrip(b"\0 ").split(b"\\")
        wrong = [number for number, part in enumerate(parts) if not legal(tag, part)]
        if not wrong:
            return None
        if len(wrong) == len(parts):
            return self._choose(element)
        for number in wrong:
            stand_ins = _IMAGE_TYPE if tag == 0x00080008 else ()
            parts[number] = stand_ins[number] if number < len(stand_ins) else values.dummy("CS")
        return self.put(element, b"\\".join(parts), "D")

    def _is_term(self, tag: int, part: bytes) -> bool:
        return profiles.is_defined_term(tag, part) if self.table.strict else values.is_code_string(part)

    def _text(self, element: Element) -> Replacement:
        if not values.is_text(self.raw(element)):
            return self._choose(element)
        return (
            self._clean(element)
            if self.cleaner is not None and self.table.cleans_technical(self.path)
            else None
        )

    def _clean(self, element: Element) -> Replacement:
        """Keep a text with what identifies in it replaced; where that can't be done, do as the Basic Profile does."""
        actual, raw = element.vr.decode("ascii"), self.raw(element)
        vr, technical = self.vr(element), element.tag in profiles.technical() or bool(element.tag >> 16 & 1)
        cleaned = None
        if self.cleaner is None or self.identity is None:
            return self._basic(element)
        if not element.undefined and len(raw) < _LONG and (actual in ("", "UN") or actual in TEXT_VRS):
            cleaned = self.cleaner.clean(vr, raw, self.charset, self.identity, known=technical)
        if cleaned is None:
            return self._basic(element)
        self.cleaned.add(element.tag)
        return None if cleaned == raw and vr == (actual or vr) else self.put(element, cleaned, "C")

    def _age(self, element: Element) -> Replacement:
        raw = self.raw(element)
        capped = values.cap_age(raw)
        if capped is None:
            return self._choose(element)
        return None if capped == raw else self.put(element, capped, "C")

    def _patient_id(self, element: Element) -> bytes:
        old = self.text(self.raw(element))
        new = self._patient_here()
        self.note(element)
        if old:
            self.crosswalk.append(("patient", old, new))
        return self.put(element, new.encode("utf-8"), "Z")

    def _patient_here(self) -> str:
        """The patient's pseudonym; inside a sequence that of the item's own identifier, empty where it has none.

        A list of subjects that does not know an identifier inside a sequence gives an empty one, too.
        """
        if not self.path:
            return self.names.patient(self.basis)
        near = {element.tag: element for element in self.here if element.tag in (0x00100020, 0x00100021)}
        patient_id, issuer = (
            self.text(self.raw(near[tag])) if tag in near else "" for tag in (0x00100020, 0x00100021)
        )
        try:
            return self.names.patient(("id", patient_id, issuer)) if patient_id else ""
        except UnknownSubject:
            return ""

    def _patient_name(self, element: Element) -> bytes:
        self.note(element)
        return self.put(element, self._patient_here().encode("utf-8"), "Z")

    def _accession(self, element: Element) -> Replacement:
        old = self.text(self.raw(element))
        if not old:
            return None
        new = self.names.accession(old)
        self.note(element)
        self.crosswalk.append(("accession", old, new))
        return self.put(element, new.encode("ascii"), "Z")

    def _private_kept(self) -> dict[int, int]:
        """Private tags of this level that stay, creators among them: tag -> code."""
        creators: dict[int, tuple[str, int]] = {}
        kept: dict[int, int] = {}
        for element in self.here:
            group, number = element.tag >> 16, element.tag & 0xFFFF
            if element.code != codes.PRIVATE:
                continue
            if 0x10 <= number <= 0xFF:
                creators[group << 8 | number] = (self.text(self.raw(element)), element.tag)
                continue
            creator, creator_tag = creators.get(group << 8 | number >> 8, ("", 0))
            if creator and self.table.keeps_creator(creator, element.tag):
                kept[element.tag] = private_code(self.table, creator, element, self.data)
                kept.setdefault(creator_tag, codes.TEXT)
        return kept

    def _private_element(self, element: Element) -> Replacement:
        identifies = element.vr in (b"UI", b"PN", b"DA", b"DT", b"SQ")
        gone = codes.DROP_ID if identifies else codes.DROP_PRIVATE
        code = self._private.get(element.tag, gone)
        if code == codes.DATE and self.table.policy.dates != "UNMODIFIED":
            code = gone
        if code == codes.SEQUENCE:
            return self._private_sequence(element)
        if code == codes.TEXT and not values.is_text(self.raw(element)):
            code = gone
        return self._handlers[gone if code == codes.DROP_PRIVATE else code](self, element)

    def _private_sequence(self, element: Element) -> Replacement:
        """Treat the items of a private sequence; one that can't be read as items goes."""
        place = (self.path, self.charset, self.encoding, self.here, self._private)
        try:
            return self._sequence(element)
        except (Damaged, Odd):
            self.path, self.charset, self.encoding, self.here, self._private = place
            return self._drop(element)

    def _keep_option(self, element: Element) -> Replacement:
        if element.undefined:
            return self._choose(element)  # items where a value belongs
        if element.end - element.value < 4096 and self.table.identifies(element.tag):
            self.kept.append(self.raw(element))
        return None

    def _number_long(self, element: Element) -> Replacement:
        return None if values.is_number(self.raw(element)) else self._choose(element)

    def _watch(self, element: Element) -> Replacement:
        vr = self.vr(element)
        if element.tag == 0x00080005:
            self.charset = self.raw(element)
        if element.tag in codes.MAKERS:
            self.makers.append(self.raw(element))
            return self._text(element)
        if element.tag == codes.ENCAPSULATED_LENGTH and not self.path and self._document_length is not None:
            return self.put(element, struct.pack(self.encoding.order + "I", self._document_length), "D")
        actual = element.vr.decode("ascii")
        if actual in SIZES and actual not in codes.vrs_of(element.tag):
            return self._keep(element)
        if vr == "CS":
            return self._term(element)
        limit = codes.limit_of(element.tag, vr)
        wrong = (
            not values.is_number(self.raw(element)) if vr == "IS" else 0 < limit < element.end - element.value
        )
        return self._choose(element) if wrong else None

    def _bulk(self, element: Element) -> Replacement:
        """Keep samples and tables where the standard puts them; anywhere else they go, whatever they are."""
        here = self.path[-1] if self.path else 0
        belongs = here in profiles.binary_places()[element.tag] and not element.undefined
        return None if belongs else self._drop(element)

    def _keep(self, element: Element) -> Replacement:
        """Binary values whose length the walk did not check: nothing but numbers fits into a number's length."""
        actual = element.vr.decode("ascii")
        limit = codes.limit_of(element.tag, actual if actual in SIZES else self.vr(element))
        wrong = element.undefined or 0 < limit < element.end - element.value
        return self._choose(element) if wrong else None

    def _pixels(self, element: Element) -> Replacement:
        """Keep the pixels of the object itself; nobody asked whether others, inside a sequence, show text."""
        if self.path:
            return self._drop(element)
        self.pixels[element.tag] = element
        return None

    _handlers: ClassVar[dict[int, Callable[[Rewriter, Element], Replacement]]] = {
        codes.KEEP: _keep,
        codes.KEEP_LONG: _keep,
        codes.DROP: _drop,
        codes.DROP_ID: _drop_id,
        codes.DROP_PRIVATE: _drop,
        codes.CHOOSE: _choose,
        codes.ZERO: _zero,
        codes.DUMMY: _dummy,
        codes.UID: _map_uids,
        codes.UID_KEPT: _uid_kept,
        codes.TEXT: _text,
        codes.CLEAN: _clean,
        codes.BULK: _bulk,
        codes.SEQUENCE: _sequence,
        codes.SHIFT: _shift,
        codes.DATE: _date,
        codes.TERM: _term,
        codes.UID_UNLISTED: _map_uids,
        codes.UID_CLASS: _uid_class,
        codes.AGE: _age,
        codes.PATIENT_ID: _patient_id,
        codes.PATIENT_NAME: _patient_name,
        codes.ACCESSION: _accession,
        codes.PRIVATE: _private_element,
        codes.KEEP_OPTION: _keep_option,
        codes.NUMBER_LONG: _number_long,
        codes.PIXELS: _pixels,
        codes.WATCH: _watch,
    }
