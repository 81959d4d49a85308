"""The profile done slowly with pydicom: every element at every depth, one rule after the other.

Written from the specification and PS3.15 Annex E. Shares no code with ``medcli.privacy.dicom`` and imports only the
policy. Refuses to be fast, and to decide on damage: what pydicom cannot parse, this raises on.
"""

from __future__ import annotations

import contextlib
import io
import unicodedata
from dataclasses import dataclass, replace
from typing import Any

import pydicom
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_sequence
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from medcli.privacy.policy import Policy
from medcli.privacy.text.known import Known
from tests.privacy import reference_dummies as dummies
from tests.privacy import reference_pixels as pixels
from tests.privacy import reference_texts as texts
from tests.privacy import reference_values as values
from tests.privacy.reference_pixels import Withheld
from tests.privacy.reference_rules import Rules, dictionary_vrs
from tests.privacy.reference_values import raw_value

PATIENT_NAME, PATIENT_ID, ISSUER, ACCESSION = 0x00100010, 0x00100020, 0x00100021, 0x00080050
MEDIA_STORAGE_SOP_CLASS, MEDIA_STORAGE_SOP_INSTANCE = 0x00020002, 0x00020003
SOP_CLASS, SOP_INSTANCE, STUDY = 0x00080016, 0x00080018, 0x0020000D
DOCUMENT, MIME_TYPE, DOCUMENT_LENGTH = 0x00420011, 0x00420012, 0x00420015
OURS = frozenset({0x00120062, 0x00120063, 0x00120064, 0x00280303})


RawElement = RawDataElement | DataElement


@dataclass(frozen=True)
class Item:
    """Where the walk is: the ``path`` of sequence tags, the character set, the pseudonyms that hold here."""

    path: tuple[int, ...] = ()
    encodings: tuple[str, ...] = ("iso8859",)
    patient: str | None = None


def actual_vr(raw: RawElement) -> str:
    """Give the VR that counts: the file's, or the dictionary's where the file is implicit or says UN."""
    vr = str(raw.VR or "").split(" or ", maxsplit=1)[0]
    if vr in {"", "UN"}:
        known = dictionary_vrs(int(raw.tag))
        vr = known[0] if known else "UN"
    if isinstance(raw, RawDataElement) and raw.length == 0xFFFFFFFF and vr == "UN":
        return "SQ"
    return vr


def written_vr(tag: int, vr: str) -> str:
    """Give the VR of a replaced value: the actual one where the dictionary has it, else the dictionary's first."""
    known = dictionary_vrs(tag)
    return vr if not known or vr in known else known[0]


def items_of(raw: RawElement) -> list[Dataset]:
    """Parse the items of a sequence, as pydicom read it or still as bytes; UN hides implicit little endian."""
    if isinstance(raw, DataElement):
        return list(raw.value or [])
    implicit, little = (True, True) if raw.VR == "UN" else (raw.is_implicit_VR, raw.is_little_endian)
    data = raw_value(raw)
    return list(read_sequence(io.BytesIO(data), implicit, little, len(data), ["iso8859"])) if data else []


class Reference:
    """One data set's walk."""

    def __init__(self, ds: FileDataset, policy: Policy, key: bytes) -> None:
        self.policy, self.key = policy, key
        self.sop_class = self._ascii(ds, SOP_CLASS) or self._ascii(ds.file_meta, MEDIA_STORAGE_SOP_CLASS)
        if not values.is_uid(self.sop_class.encode()):
            self.sop_class = ""
        if not self.sop_class:
            raise Withheld("no-sop-class")
        self.sop_instance = self._ascii(ds, SOP_INSTANCE) or self._ascii(
            ds.file_meta, MEDIA_STORAGE_SOP_INSTANCE
        )
        if policy.pixels == "withhold":
            pixels.gate(ds, self.sop_class)
        pixels.measure(ds)
        self.rules = Rules.load(policy, self.sop_class)
        self.little = bool(ds.original_encoding[1])
        self.top = self._enter(ds, Item())
        self.basis, self.subject = self._basis(ds, self.top)
        low, high = policy.date_shift
        self.days = values.offset(key, self.basis, low, high)
        if self.subject is not None and self.subject.days is not None:
            self.days = self.subject.days
        self.known = self._known(ds) if policy.clean else None
        self.mime, self.document_length = self._ascii(ds, MIME_TYPE), None

    @staticmethod
    def _ascii(ds: Dataset, tag: int) -> str:
        raw = values.item(ds, tag)
        return "" if raw is None else raw_value(raw).strip(b" \0").decode("latin-1")

    def _text(self, ds: Dataset, tag: int, encodings: tuple[str, ...]) -> str:
        raw = values.item(ds, tag)
        if raw is None:
            return ""
        text = decode_bytes(raw_value(raw), list(encodings), {0x0D, 0x0A, 0x09, 0x0C})
        return unicodedata.normalize("NFC", text).strip(" \0")

    def _basis(self, ds: Dataset, item: Item) -> tuple[str, Any]:
        """Give what the patient's pseudonyms are made from, and the study's own name for the patient."""
        patient, issuer = self._text(ds, PATIENT_ID, item.encodings), self._text(ds, ISSUER, item.encodings)
        subject = None
        if self.policy.subjects is not None:
            subject = self.policy.subjects.get((patient, issuer))
            if subject is None:
                raise Withheld("unknown-subject")
        if patient:
            return f"id\x1f{patient}\x1f{issuer}", subject
        study = self._ascii(ds, STUDY)
        kind, value = ("study", study) if study else ("instance", self.sop_instance)
        return f"{kind}\x1f{value}", subject

    def _enter(self, ds: Dataset, item: Item) -> Item:
        """Take over the character set that a data set or item brings along."""
        raw = values.item(ds, 0x00080005)
        if raw is None:
            return item
        names = [part.strip(" \0") for part in raw_value(raw).decode("latin-1").split("\\")]
        return replace(item, encodings=tuple(convert_encodings(names)))

    def _known(self, ds: FileDataset) -> Known:
        """Gather the file's identity: every value that identifies, at every depth, but those that stay."""
        plain = Rules.load(replace(self.policy, clean=frozenset()), self.sop_class)
        found: list[texts.Value] = [(0x00020003, "UI", self._ascii(ds.file_meta, 0x00020003).encode(), ())]
        kept: set[bytes] = set()

        def look(each: Dataset, item: Item) -> None:
            creators = plain.kept_creators(each)
            for tag in values.tags_of(each):
                raw = values.item(each, tag)
                vr = actual_vr(raw)
                if vr == "SQ":
                    with contextlib.suppress(Exception):
                        for inner in items_of(raw):
                            look(inner, self._enter(inner, replace(item, path=(*item.path, tag))))
                    continue
                value = texts.bytes_of(raw)
                if not texts.identifies(tag, written_vr(tag, vr)) or not value.strip(b"\0 "):
                    continue
                stays = plain.action(tag, vr, raw, item.path, creators) == "K" and not (
                    written_vr(tag, vr) == "UI" and not value.startswith(b"1.2.840.10008.")
                    and "uids" not in self.policy.retain
                )  # fmt: skip
                if stays:
                    kept.add(value.strip(b"\0 "))
                else:
                    found.append((tag, written_vr(tag, vr), value, item.encodings))

        look(ds, self._enter(ds, Item()))
        return texts.known_of(found, kept)

    def run(self, ds: Dataset) -> Dataset:
        """Scrub the whole data set and mark it."""
        pseudonym = (
            self.subject.subject_id if self.subject else "P" + values.code(self.key, "patient", self.basis)
        )
        out = self.scrub(ds, replace(self.top, patient=pseudonym))
        self.identify(out)
        self.clear_overlays(ds, out)
        self.rules.mark(out, self.policy)
        return out

    def scrub(self, ds: Dataset, item: Item) -> Dataset:
        """Scrub one data set or item."""
        out = Dataset()
        creators = self.rules.kept_creators(ds)
        for tag in values.tags_of(ds):
            raw = values.item(ds, tag)
            if raw is None or (not item.path and tag in OURS):
                continue
            listed = creators.get(tag)
            vr = listed or actual_vr(raw) if raw.VR in {None, "UN"} else actual_vr(raw)
            if listed and vr != listed:
                continue
            if listed and values.hides_items(raw):
                vr = "SQ"
            action = self.rules.action(tag, vr, raw, item.path, creators)
            if not item.path and tag > pixels.PIXELS and pixels.PIXELS in values.tags_of(ds):
                action = "X"
            new = self.apply(action, raw, vr, item)
            if new is not None:
                out._dict[BaseTag(tag)] = new
        return out

    def identify(self, out: Dataset) -> None:
        """Add the class and instance UIDs that only the file meta names."""
        for tag, value in ((SOP_CLASS, self.sop_class.encode()), (SOP_INSTANCE, self.sop_instance.encode())):
            if tag not in values.tags_of(out) and value:
                stays = tag == SOP_CLASS or ("uids" in self.policy.retain and values.is_uid(value))
                new = value if stays else values.new_uids(self.key, value, self.rules.registered)
                out._dict[BaseTag(tag)] = RawDataElement(
                    BaseTag(tag), "UI", len(new), new, 0, False, self.little
                )

    def clear_overlays(self, ds: Dataset, out: Dataset) -> None:
        """Take overlays out of the unused bits of native pixels."""
        mask, raw = pixels.overlay_bits(ds), values.item(ds, pixels.PIXELS)
        if not mask or raw is None:
            return
        if isinstance(raw, RawDataElement) and raw.length == 0xFFFFFFFF:
            raise Withheld("overlay-in-compressed-pixels")
        allocated = pixels.number(ds, 0x00280100, 16)
        new = pixels.cleared(raw_value(raw), mask, allocated, little=self.little)
        out._dict[raw.tag] = self.element(raw, actual_vr(raw), new)

    def apply(self, action: str, raw: RawElement, vr: str, item: Item) -> RawElement | None:
        """Do what the action says to one element of the given actual VR; None removes it."""
        if action == "X":
            return None
        tag, new_vr = int(raw.tag), written_vr(int(raw.tag), vr)
        if vr == "SQ" and action in {"K", "C", "U"}:
            return self.sequence(
                [self.scrub(each, self._nested(each, raw, item)) for each in items_of(raw)], raw
            )
        old = b"" if vr == "SQ" else raw_value(raw, little=self.little)
        if tag == DOCUMENT_LENGTH and not item.path and self.document_length is not None:
            return self.element(
                raw, "UL", self.document_length.to_bytes(4, "little" if self.little else "big")
            )
        if tag == DOCUMENT and action == "D":
            return self.document(raw, new_vr, old, item)
        if action in {"clean", "known"}:
            return self.cleaned(raw, vr, old, item, technical=action == "known")
        if action == "U" or (action == "D" and new_vr == "UI" and old.strip(b" \0")):
            return self.element(raw, new_vr, values.new_uids(self.key, old, self.rules.registered))
        if action in {"K", "C"}:
            return self.kept(action, raw, vr, old, item)
        if new_vr == "SQ":
            return self.sequence(
                [dummies.item(tag, self.key, little=self.little)] if action == "D" else [], raw
            )
        own = self.pseudonym(tag, raw, item)
        if action == "Z" or own:
            return self.element(raw, new_vr if own or old else vr, own or b"")
        return self.element(raw, new_vr, values.dummy(new_vr, self.key, old, little=self.little))

    def document(self, raw: RawElement, vr: str, old: bytes, item: Item) -> RawElement:
        """Replace a document by an empty one, or by itself without identity where it is a text and that was asked."""
        new = None
        if "structured-content" in self.policy.clean and not item.path:
            new = texts.document(old, self.mime, item.encodings, self.known, self.days)
        new = new or values.dummy_document(old)
        if not item.path:
            self.document_length = len(new)
        return self.element(raw, vr, new)

    def cleaned(
        self, raw: RawElement, vr: str, old: bytes, item: Item, *, technical: bool
    ) -> RawElement | None:
        """Replace what identifies in a text; codes stay where they are some."""
        tag = int(raw.tag)
        new_vr, new = written_vr(tag, vr), None
        if new_vr == "CS":
            new = old if all(self.rules.coded(tag, old)) else None
        elif values.is_printable(old):
            new = texts.cleaned(new_vr, old, item.encodings, self.known, technical=technical)
        if new is None:
            return self.apply(self.rules.basic(tag, vr, item.path), raw, vr, item)
        return self.element(raw, new_vr, new)

    def kept(self, action: str, raw: RawElement, vr: str, old: bytes, item: Item) -> RawElement | None:
        """Keep or shift a value where it is what its VR says; do the basic action where it is not."""
        tag = int(raw.tag)
        new: bytes | None = old
        means = "" if tag >> 16 & 1 else written_vr(tag, vr)
        if action == "C":
            new = values.shifted(means, old, self.days) if means != "SH" else self.rules.zone(old)
        elif means in values.DATES:
            new = old if values.looks_like_date(means, old) else None
        elif means == "AS":
            new = values.age(old)
        elif means == "CS":
            new = self.rules.recoded(tag, old)
        elif means == "UI":
            new = old if values.is_uid(old) else None
        elif tag == 0x00080201:
            new = self.rules.zone(old)
        if new is None:
            return self.apply(self.rules.basic(tag, vr, item.path), raw, vr, item)
        return self.element(raw, means if means and new != old else vr, new)

    def pseudonym(self, tag: int, raw: RawElement, item: Item) -> bytes | None:
        """Give the pseudonym that takes the place of a name or identifier, None where there is none."""
        if tag in {PATIENT_NAME, PATIENT_ID}:
            return (item.patient or "").encode()
        text = decode_bytes(raw_value(raw), list(item.encodings), set()).strip(" \0")
        if tag == ACCESSION and text:
            return b"A" + values.code(self.key, "accession", text).encode()
        return None

    def sequence(self, items: list[Dataset], raw: RawElement) -> DataElement:
        """Write a sequence of items."""
        return DataElement(raw.tag, "SQ", Sequence(items))

    def _nested(self, ds: Dataset, raw: RawElement, item: Item) -> Item:
        """Go down into an item: its path, its character set, its own patient."""
        inner = self._enter(ds, replace(item, path=(*item.path, int(raw.tag)), patient=""))
        patient, issuer = self._text(ds, PATIENT_ID, inner.encodings), self._text(ds, ISSUER, inner.encodings)
        if not patient:
            return inner
        if self.policy.subjects is not None and (patient, issuer) in self.policy.subjects:
            return replace(inner, patient=self.policy.subjects[patient, issuer].subject_id)
        basis = f"id\x1f{patient}\x1f{issuer}"
        return replace(inner, patient="P" + values.code(self.key, "patient", basis))

    def element(self, raw: RawElement, vr: str, value: bytes) -> RawDataElement:
        """Write a value into an element of its own."""
        return RawDataElement(raw.tag, vr, len(value), value, 0, False, self.little)


def reference_scrub(ds: FileDataset, policy: Policy, key: bytes) -> Dataset:
    """De-identify a data set as the profile's specification says.

    Parameters
    ----------
    ds
        What ``pydicom.dcmread`` gave, untouched, so that values are still the file's bytes.
    policy, key
        The profile with its options, and the 32 bytes that pseudonyms are derived from.

    Returns
    -------
    Dataset
        Elements as raw bytes in the file's byte order.

    Raises
    ------
    Withheld
        The profile forbids the release.
    """
    with pydicom.config.disable_value_validation():
        return Reference(ds, policy, key).run(ds)
