"""One DICOM file in, one released file or a reason out.

Knows the order of the work: frame, walk, gate, rewrite, write, proof. Refuses to know where files come from, how
many there are and what becomes of two that contradict each other.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from medcli.privacy.dicom import pixels, proof
from medcli.privacy.dicom import table as codes
from medcli.privacy.dicom.encoding import Buffer, Damaged, Encoding, Frame, Odd, read_frame, uid_text
from medcli.privacy.dicom.marks import codes_of, file_meta, mark_elements
from medcli.privacy.dicom.normalise import inflated, put_in_order
from medcli.privacy.dicom.pseudonyms import Pseudonyms, UnknownSubject, basis_of, normal
from medcli.privacy.dicom.rewrite import Rewriter, Segment
from medcli.privacy.dicom.values import decode
from medcli.privacy.dicom.walk import Element, Walk, walk
from medcli.privacy.dicom.write import write
from medcli.privacy.policy import Policy

__all__ = ["Scrubbed", "Scrubber"]

#: Files up to this size are read whole; larger ones are mapped and copied in pieces.
WHOLE = 8 << 20
DIRECTORY = "1.2.840.10008.1.3.10"
_WANTED = (0x00080016, 0x00080018, 0x00120062, 0x00280303)


@dataclass(slots=True)
class Scrubbed:
    """What became of one file; holds no value of the source but in `crosswalk`.

    Attributes
    ----------
    status
        ``released``, ``withheld``, ``ignored`` (no DICOM) or ``directory`` (a DICOMDIR).
    reason
        Reason code of a withheld file.
    attribute
        For ``residue``: the tag whose value was found, as ``(gggg,eeee)``.
    patient, study, series, instance
        Pseudonymous Patient ID and new UIDs.
    owner
        Keyed hash of the patient's identifier and issuer; empty where the file names none.
    content
        Keyed hash of the source's data set: identical copies agree.
    sha256, size
        Of the released file, hexadecimal and bytes.
    route
        ``stream`` or ``pydicom``.
    actions
        JSON of counts by code and tag, value-free.
    codes
        Codes of CID 7050 that the file carries.
    crosswalk
        (kind, old, new): confidential.
    """

    status: str
    reason: str = ""
    attribute: str = ""
    patient: str = ""
    study: str = ""
    series: str = ""
    instance: str = ""
    owner: str = ""
    content: str = ""
    sop_class: str = ""
    modality: str = ""
    sha256: str = ""
    size: int = 0
    route: str = "stream"
    actions: str = "{}"
    codes: tuple[str, ...] = ()
    crosswalk: tuple[tuple[str, str, str], ...] = ()
    notes: tuple[str, ...] = field(default=())


class Scrubber:
    """De-identifies files under one policy and one key; one a process.

    Parameters
    ----------
    policy
        Profile, options, rules.
    key
        The key that all pseudonyms derive from, 16 bytes or more.
    """

    def __init__(self, policy: Policy, key: bytes) -> None:
        self.policy = policy
        self.table = codes.Table(policy)
        self.names = Pseudonyms(key, policy.date_shift, policy.subjects)
        self._weakened = self.table.weakened
        self._codes = codes_of(policy, weakened=self._weakened)

    def scrub(self, source: Path | str | bytes, target: Path | str | None) -> Scrubbed:
        """De-identify one file.

        Parameters
        ----------
        source
            A path, or the bytes of an archive's member.
        target
            Where the result is written and then searched; it is removed again where something is found.
            None: nothing is written (a plan), and the result is searched in memory.

        Returns
        -------
        Scrubbed
            Never an exception for what is wrong with the file itself.

        Raises
        ------
        OSError
            Where `target` can't be written.
        """
        try:
            with opened(source) as data:
                return self._scrub(data, target)
        except Damaged as damage:
            return Scrubbed("withheld", damage.reason)
        except Unreadable:
            return Scrubbed("withheld", "unreadable")

    def _scrub(self, data: Buffer, target: Path | str | None) -> Scrubbed:
        frame = read_frame(data)
        if frame is None:
            return Scrubbed("ignored")
        if uid_text(frame.meta.get(0x00020002, b"")) == DIRECTORY:
            return Scrubbed("directory")
        with inflated(data, frame) as (data, frame):
            content = self._content(data, frame.start)
            try:
                return self._stream(data, frame, target, "stream", content)
            except Odd:
                with put_in_order(data, frame) as (ordered, again):
                    try:
                        return self._stream(ordered, again, target, "pydicom", content)
                    except Odd:
                        raise Damaged from None

    def _content(self, data: Buffer, start: int) -> str:
        if isinstance(data, bytes):
            return self.names.digest("content", hashlib.sha256(memoryview(data)[start:]).digest()).hex()[:32]
        digest = hashlib.sha256()
        for at in range(start, len(data), 1 << 20):
            digest.update(data[at : at + (1 << 20)])
        return self.names.digest("content", digest.digest()).hex()[:32]

    def _stream(self, data: Buffer, frame: Frame, target: Path | str | None, route: str, content: str) -> Scrubbed:
        found = walk(data, frame.start, len(data), frame.encoding, self.table, _WANTED)
        head = Header(data, frame, found)
        result = Scrubbed("withheld", route=route, content=content, sop_class=head.sop_class, modality=head.modality)
        result.owner = self.names.owner(head.patient_id, head.issuer)
        if not head.sop_class:
            result.reason = "no-sop-class"
            return result
        if self.policy.pixels != "off" and head.pixels and head.shows_text():
            result.reason = "pixels-not-examined"
            return result
        basis = basis_of(head.patient_id, head.issuer, head.study, head.instance)
        rewriter = Rewriter(self.table, self.names, data, head.sop_class, basis)
        try:
            self._identify(result, head, basis)
            segments = rewriter.level(found, frame.start, frame.encoding, self._inserts(head, result))
        except UnknownSubject:
            result.reason = "unknown-subject"
            return result
        segments, rewriter.masked = head.mask_overlays(segments)
        segments.insert(0, file_meta(head.sop_class, result.instance, frame.syntax))
        self._write(result, rewriter, segments, frame, target)
        return result

    def _identify(self, result: Scrubbed, head: Header, basis: tuple[str, ...]) -> None:
        keep = "uids" in self.policy.retain
        result.patient = self.names.patient(basis)
        instance = head.instance or f"content {result.content}"
        uids = (head.study or f"study of {instance}", head.series or f"series of {instance}", instance)
        result.study, result.series, result.instance = (
            uid if keep and uid[:1].isdigit() else self.names.uid(uid) for uid in uids
        )

    def _inserts(self, head: Header, result: Scrubbed) -> list[bytes]:
        """New elements for the slots of `_WANTED`: what a file must have, and the marks."""
        encoding = head.frame.encoding
        first, second = _marks(encoding, self.policy, self._weakened)
        sop_class = b"" if 0x00080016 in head.seen else encoding.element(0x00080016, "UI", head.sop_class.encode())
        instance = b"" if 0x00080018 in head.seen else encoding.element(0x00080018, "UI", result.instance.encode())
        return [sop_class, instance, first, second]

    def _write(
        self, result: Scrubbed, rewriter: Rewriter, segments: list[Segment], frame: Frame, target: Path | str | None
    ) -> None:
        written = write(rewriter.data, segments, frame, target)
        try:
            hit = proof.examine(written, rewriter, frame)
        except BaseException:
            written.discard()
            raise
        result.actions = _summary(tuple(rewriter.actions))
        if hit is not None:
            written.discard()
            result.reason, result.attribute = hit
            return
        result.status, result.reason = "released", ""
        result.sha256, result.size = written.sha256, written.size
        result.codes, result.crosswalk = self._codes, tuple(dict.fromkeys(rewriter.crosswalk))


class Unreadable(Exception):
    """The source can't be opened or read."""


@contextmanager
def opened(source: Path | str | bytes) -> Iterator[Buffer]:
    """The bytes of a source: whole where it is small, mapped where it is large.

    Raises
    ------
    Unreadable
        Where the file can't be opened.
    Damaged
        ``empty`` for a file without a byte.
    """
    if isinstance(source, bytes):
        yield source
        return
    try:
        descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError:
        raise Unreadable from None
    try:
        size = os.fstat(descriptor).st_size
        if size <= WHOLE:
            whole = _read_all(descriptor, size)
            if not whole:
                raise Damaged("empty")
            yield whole
        else:
            with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as mapped:
                yield mapped
    finally:
        os.close(descriptor)


def _read_all(descriptor: int, size: int) -> bytes:
    try:
        data = os.read(descriptor, size + 1)
        while len(data) < size and (more := os.read(descriptor, size - len(data))):
            data += more
    except OSError:
        raise Unreadable from None
    return data


class Header:
    """What the top level of a data set says of itself, as far as the work needs it."""

    def __init__(self, data: Buffer, frame: Frame, found: Walk) -> None:
        self.data, self.frame = data, frame
        self.elements = found.elements
        self.seen: dict[int, Element] = {element.tag: element for element in found.elements}
        self.charset = self._raw(0x00080005)
        self.sop_class = self._uid(0x00080016) or uid_text(frame.meta.get(0x00020002, b""))
        self.instance = self._uid(0x00080018) or uid_text(frame.meta.get(0x00020003, b""))
        self.study, self.series = self._uid(0x0020000D), self._uid(0x0020000E)
        self.patient_id, self.issuer = self._text(0x00100020), self._text(0x00100021)
        self.modality = self._raw(0x00080060).decode("latin-1").strip("\0 ")
        self.pixels = next((self.seen[tag] for tag in sorted(codes.PIXEL_TAGS, reverse=True) if tag in self.seen), None)

    def _raw(self, tag: int) -> bytes:
        element = self.seen.get(tag)
        return self.data[element.value : element.end] if element else b""

    def _uid(self, tag: int) -> str:
        return uid_text(self._raw(tag))

    def _text(self, tag: int) -> str:
        return normal(decode(self._raw(tag), self.charset))

    def numbers(self) -> dict[int, int]:
        """The integers of the Image Pixel module by tag."""
        order = "little" if self.frame.encoding.little else "big"
        tags = (0x00280002, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103)
        found = {tag: int.from_bytes(self._raw(tag)[:2], order) for tag in tags if tag in self.seen}  # type: ignore[arg-type]
        frames = self._raw(0x00280008).strip(b"\0 ")
        if frames.isdigit():
            found[0x00280008] = int(frames)
        return found

    def shows_text(self) -> str:
        """Why the pixels may show text; empty where nothing says so."""
        tags = (0x00080008, 0x00080060, 0x00080064, 0x00280301)
        texts = {tag: self._raw(tag).decode("latin-1").strip("\0 ") for tag in tags}
        return pixels.may_show_text(self.sop_class, self.frame.syntax, texts)

    def mask_overlays(self, segments: list[Segment]) -> tuple[list[Segment], bool]:
        """Clear overlay planes that lie in unused bits of native pixels.

        Raises
        ------
        Damaged
            ``overlay-in-compressed-pixels`` where the pixels would have to be decoded first.
        """
        pixel, numbers = self.seen.get(0x7FE00010), self.numbers()
        if pixel is None or not pixels.embedded_overlay(self.elements, self.data, self.frame.encoding, numbers):
            return segments, False
        if pixel.undefined:
            raise Damaged("overlay-in-compressed-pixels")
        allocated, stored = numbers[0x00280100], numbers[0x00280101]
        if allocated not in (8, 16, 32):
            raise Damaged("overlay-in-unusual-pixels")
        high = numbers.get(0x00280102, stored - 1)
        little = self.frame.encoding.little and self.frame.syntax != "1.2.840.113619.5.2"
        signed = numbers.get(0x00280103) == 1
        masked = pixels.Masked(pixel.value, pixel.end, allocated, stored, high, signed, little)
        return list(_replaced(segments, masked)), True


def _replaced(segments: list[Segment], masked: pixels.Masked) -> Iterator[Segment]:
    """`segments` with the range of the pixels in its masked form."""
    for segment in segments:
        plain = type(segment) is tuple and segment[0] <= masked.start and masked.stop <= segment[1]
        if not plain:
            yield segment
            continue
        begin, end = segment[0], segment[1]
        yield from ((begin, masked.start), masked, (masked.stop, end))  # type: ignore[misc]


@lru_cache(maxsize=64)
def _marks(encoding: Encoding, policy: Policy, weakened: bool) -> tuple[bytes, bytes]:
    return mark_elements(encoding, policy, weakened=weakened)


@lru_cache(maxsize=4096)
def _summary(actions: tuple[tuple[str, int], ...]) -> str:
    """Counts by code and tag as compact JSON; private attributes are one count."""
    counts: dict[str, dict[str, int]] = {}
    for letter, tag in actions:
        name = "private" if tag >> 16 & 1 else f"{tag:08X}"
        group = counts.setdefault(letter, {})
        group[name] = group.get(name, 0) + 1
    return json.dumps(counts, separators=(",", ":"), sort_keys=True)
