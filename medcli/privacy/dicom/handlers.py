"""What becomes of single values: dummies, dates, terms, ages, numbers, texts and documents.

Knows what each VR may hold. Refuses to know private attributes.
"""

from __future__ import annotations

import struct

from medcli.privacy import profiles
from medcli.privacy.dicom import codes, values
from medcli.privacy.dicom.encoding import SIZES, TEXT_VRS
from medcli.privacy.dicom.naming import NamesRewriting
from medcli.privacy.dicom.rewriting import LONG, Replacement
from medcli.privacy.dicom.segments import dummy_items
from medcli.privacy.dicom.walk import Element

__all__ = ["ValuesRewriting"]

#: What values 1 and 2 of Image Type become where they are no terms (PS3.3 C.7.6.1.1.2).
_IMAGE_TYPE = (b"DERIVED", b"SECONDARY")


class ValuesRewriting(NamesRewriting):
    """Handlers of values."""

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
        if not element.undefined and len(raw) < LONG and (actual in ("", "UN") or actual in TEXT_VRS):
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
