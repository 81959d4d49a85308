"""One DICOM file in, one released file or a reason out.

Knows the order of the work: frame, walk, gate, rewrite, write, proof. Refuses to know where files come from, how
many there are and what becomes of two that contradict each other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli.errors import SafetyRefused
from medcli.privacy import profiles
from medcli.privacy.decisions import NOTHING, Decision
from medcli.privacy.dicom import proof
from medcli.privacy.dicom.clean import Cleaner, Identity
from medcli.privacy.dicom.encoding import Buffer, Damaged, Encoding, Frame, Odd, read_frame, uid_text
from medcli.privacy.dicom.header import Header, is_uid
from medcli.privacy.dicom.marks import codes_of, file_meta, mark_elements
from medcli.privacy.dicom.normalise import inflated, put_in_order
from medcli.privacy.dicom.pseudonyms import Pseudonyms, UnknownSubject, basis_of
from medcli.privacy.dicom.read import Unreadable, opened
from medcli.privacy.dicom.rewrite import Found, Rewriter
from medcli.privacy.dicom.segments import Segment
from medcli.privacy.dicom.table import Table
from medcli.privacy.dicom.values import decode
from medcli.privacy.dicom.walk import Walk, walk
from medcli.privacy.dicom.write import Written, write
from medcli.privacy.pixels import gate
from medcli.privacy.pixels.detector import quad_of
from medcli.privacy.pixels.faces import PHOTOGRAPHS
from medcli.privacy.pixels.heads import may_show_face
from medcli.privacy.pixels.image import Unclean
from medcli.privacy.pixels.policy import LOOKING
from medcli.privacy.policy import Policy
from medcli.privacy.profiles import is_defined_term

if TYPE_CHECKING:
    from medcli.privacy.pixels.cleaner import PixelCleaner

__all__ = ["Scrubbed", "Scrubber"]

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
    place
        For ``residue``: the tag of the text that still holds it, where it is a text.
    patient, study, series, instance
        Pseudonymous Patient ID and new UIDs.
    owner
        Keyed hash of the patient's identifier and issuer; empty where the file names none.
    content
        Keyed hash of the source's data set: identical copies agree.
    sha256, size
        Of the released file, hexadecimal and bytes.
    route
        ``stream`` or ``pydicom``; empty where no data set was read.
    actions
        JSON of counts by code and tag, value-free.
    codes
        Codes of CID 7050 that the file carries.
    crosswalk
        (kind, old, new): confidential.
    identity
        (keyword, value) of what the header says of the patient, where it was asked for: confidential.
    notes
        What else is to be reported, value-free.
    shown
        What the review page shows, where that was asked for: the first frame before and after, its boxes. Confidential.
    """

    status: str
    reason: str = ""
    attribute: str = ""
    place: str = ""
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
    route: str = ""
    actions: str = "{}"
    codes: tuple[str, ...] = ()
    crosswalk: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)
    identity: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = field(default=())
    shown: tuple[Any, Any, tuple[tuple[int, int, int, int], ...]] | None = field(default=None, repr=False)


class Scrubber:
    """De-identifies files under one policy and one key; one a process.

    Parameters
    ----------
    policy
        Profile, options, rules.
    key
        The key that all pseudonyms derive from, 16 bytes or more.
    identify
        Whether to say in `Scrubbed.identity` what the header says of the patient.
    decisions
        What a person decided on images, by their new SOP Instance UID.
    show
        Whether to say in `Scrubbed.shown` what the review page shows.
    """

    def __init__(
        self,
        policy: Policy,
        key: bytes,
        *,
        identify: bool = False,
        decisions: Mapping[str, Decision] | None = None,
        show: bool = False,
    ) -> None:
        self._decisions, self._show = decisions or {}, show
        self.policy = policy
        self.table = Table(policy)
        self.names = Pseudonyms(key, policy.date_shift, policy.subjects)
        self._identify_patient = identify
        self._cleaner = Cleaner(policy, self.names) if policy.clean else None
        #: Without the clean options all that identifies goes, and so is noted, before the first text is cleaned.
        self._plain = Table(replace(policy, clean=frozenset())) if policy.clean else self.table
        self._weakened = self.table.weakened
        self._codes = codes_of(policy, weakened=self._weakened)
        self._pixels = self._pixel_cleaner(policy, key)

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
        folder = os.path.dirname(target) if target else None
        with inflated(data, frame, folder) as (clear, inner):
            try:
                return self._stream(clear, inner, target, "stream")
            except Odd:
                with put_in_order(clear, inner) as (ordered, again):
                    try:
                        return self._stream(ordered, again, target, "pydicom")
                    except Odd:
                        raise Damaged from None

    def _stream(self, data: Buffer, frame: Frame, target: Path | str | None, route: str) -> Scrubbed:
        found = walk(data, frame.start, len(data), frame.encoding, self.table, wanted=_WANTED)
        head = Header(data, frame, found)
        digest = head.digest()
        result = Scrubbed("withheld", route=route, content=self._content(digest), sop_class=head.sop_class)
        result.modality = head.modality if is_defined_term(0x00080060, head.modality.encode()) else ""
        result.owner = self.names.owner(head.patient_id, head.issuer)
        basis = basis_of(head.patient_id, head.issuer, head.study, head.instance)
        try:
            self._identify(result, head)
            result.reason = self._refused(head)
            if not result.reason:
                result.patient = self.names.patient(basis)
                self._release(result, head, basis, found, target)
        except UnknownSubject:
            result.reason = "unknown-subject"
        except SafetyRefused:
            result.reason = "text-not-examined"
        except (Damaged, Unclean) as trouble:
            result.reason = trouble.reason
        if result.status == "released" and may_show_face(head):
            result.notes += ("head",)
        if result.status == "released":
            # The result holds the pixels, and only what the table keeps of the rest: together they tell copies apart.
            result.content = self._content(digest + bytes.fromhex(result.sha256))
        return result

    def _content(self, digest: bytes) -> str:
        return self.names.digest("content", digest).hex()[:32]

    def _release(
        self, result: Scrubbed, head: Header, basis: tuple[str, ...], found: Walk, target: Path | str | None
    ) -> None:
        frame = head.frame
        identity = self._known(head, basis) if self._cleaner else None
        rewriter = Rewriter(
            self.table, self.names, head.data, head.sop_class, basis, cleaner=self._cleaner, identity=identity
        )
        rewriter.instance = result.instance
        segments = rewriter.level(found, frame.start, frame.encoding, self._inserts(head, result))
        if "uids" not in self.policy.retain:
            rewriter.found.append(Found("UI", 0x00020003, frame.meta.get(0x00020003, b""), b""))
        segments, rewriter.masked = head.mask_overlays(segments)
        segments.insert(0, file_meta(head.sop_class, result.instance, frame.syntax))
        written = self._write(result, rewriter, segments, frame, target)
        if self._pixels is not None and written is not None and head.pixels is not None:
            result.notes = ("unseen",)
            decided = self._decisions.get(result.instance, NOTHING).verdict != "approve"
            if gate.reason(head, self.policy.pixels) or decided or self._has_faces(head):
                self._clean_pixels(result, rewriter, head, basis, written=written, target=target)

    def _clean_pixels(
        self,
        result: Scrubbed,
        rewriter: Rewriter,
        head: Header,
        basis: tuple[str, ...],
        *,
        written: Written,
        target: Path | str | None,
    ) -> None:
        """Clean the pixels of the file that was just written, prove the outcome as a whole, put it in the file's place.

        Raises
        ------
        Unclean
            Why it is withheld; nothing is left of it then.
        """
        assert self._pixels is not None
        result.notes = ("cleaned",)
        if target is None and written.whole is None:
            return  # a plan does not hold large files
        result.status = "withheld"
        try:
            identity = rewriter.identity or self._known(head, basis)
            decided, faces = self._decisions.get(result.instance, NOTHING), self._has_faces(head)
            cleaned = self._pixels.clean(
                written, identity.known, result.series, target and f"{target}.px",
                marks=partial(self._marks, pixels=True, faces=faces),
                meta=partial(file_meta, head.sop_class, result.instance), source=head,
                more=[quad_of(box) for box in decided.rectangles], faces=faces,
            )  # fmt: skip
            hit = self._proved(cleaned.written, rewriter, head.frame)
            if target is not None and hit is None:
                os.replace(f"{target}.px", target)
        except BaseException:
            written.discard()
            raise
        finally:
            result.shown = self._pixels.shown if self._show else None
        if hit is None and decided.verdict == "withhold":
            hit = proof.Finding("withheld-by-reviewer", "", "")
        if hit is not None:
            written.discard()
            result.reason, result.attribute, result.place = hit
            return
        result.status, result.notes = "released", ("cleaned", f"boxes {len(cleaned.boxes)}")
        result.sha256, result.size = cleaned.written.sha256, cleaned.written.size
        result.codes = codes_of(
            self.policy,
            weakened=self._weakened,
            pixels=not cleaned.overlaid,
            faces=faces and not cleaned.overlaid,
        )

    def _has_faces(self, head: Header) -> bool:
        """Whether faces are looked for in a file: a photograph, and that was asked for."""
        return self.policy.look.faces and head.sop_class in PHOTOGRAPHS

    def _proved(self, written: Written, rewriter: Rewriter, frame: Frame) -> proof.Finding | None:
        """Search the cleaned file, too: its pixels were proved, and may lie under another transfer syntax."""
        try:
            hit = proof.examine(written, rewriter, frame, pixels=False)
        except BaseException:
            written.discard()
            raise
        if hit is not None:
            written.discard()
        return hit

    @staticmethod
    def _pixel_cleaner(policy: Policy, key: bytes) -> PixelCleaner | None:
        if policy.pixels not in LOOKING:
            return None
        from medcli.privacy.pixels.cleaner import PixelCleaner

        return PixelCleaner(policy.look, key)

    def _known(self, head: Header, basis: tuple[str, ...]) -> Identity:
        """What the whole file says of who it is about: names stand behind the texts they have to be looked for in."""
        frame = head.frame
        rewriter = Rewriter(self._plain, self.names, head.data, head.sop_class, basis)
        found = walk(head.data, frame.start, len(head.data), frame.encoding, self._plain)
        rewriter.level(found, frame.start, frame.encoding)
        if "uids" not in self.policy.retain:
            rewriter.found.append(Found("UI", 0x00020003, frame.meta.get(0x00020003, b""), b""))
        return Identity(rewriter.found, rewriter.kept, rewriter.makers, self.names.days(basis))

    def _refused(self, head: Header) -> str:
        """The reason code to withhold a file before any work on it; empty where there is none.

        Raises
        ------
        Damaged
            ``pixel-length``.
        """
        if not head.sop_class:
            return "no-sop-class"
        reason = head.not_examined() if self.policy.pixels != "off" else ""
        if self._pixels is not None and reason == "pixels-not-examined":
            reason = ""
        if not reason and self.policy.look.faces and may_show_face(head):
            reason = "head-not-defaced"
        if not reason:
            head.check_pixels()
        return reason

    def _identify(self, result: Scrubbed, head: Header) -> None:
        keep = "uids" in self.policy.retain
        instance = head.instance or f"content {self._content(head.digest(whole=True))}"
        uids = (head.study or f"study of {instance}", head.series or f"series of {instance}", instance)
        result.study, result.series, result.instance = (
            uid if keep and is_uid(uid) else self.names.uid(uid) for uid in uids
        )

    def _marks(self, encoding: Encoding, *, pixels: bool = False, faces: bool = False) -> tuple[bytes, bytes]:
        kept = self.policy.dates == "REMOVED" and self.table.keeps_dates
        dates = "UNMODIFIED" if kept else self.policy.dates
        return _marks(
            encoding,
            self.policy,
            weakened=self._weakened,
            known=self.table.keeps_identity,
            dates=dates,
            pixels=pixels,
            faces=faces,
        )

    def _inserts(self, head: Header, result: Scrubbed) -> list[bytes]:
        """New elements for the slots of `_WANTED`: what a file must have, and the marks."""
        encoding = head.frame.encoding
        first, second = self._marks(encoding)
        sop_class = (
            b"" if 0x00080016 in head.seen else encoding.element(0x00080016, "UI", head.sop_class.encode())
        )
        instance = (
            b"" if 0x00080018 in head.seen else encoding.element(0x00080018, "UI", result.instance.encode())
        )
        return [sop_class, instance, first, second]

    def _write(
        self,
        result: Scrubbed,
        rewriter: Rewriter,
        segments: list[Segment],
        frame: Frame,
        target: Path | str | None,
    ) -> Written | None:
        """Write and examine; what was written, where nothing was found in it."""
        written = write(rewriter.data, segments, frame, target)
        try:
            hit = proof.examine(written, rewriter, frame)
        except BaseException:
            written.discard()
            raise
        result.actions = _summary(tuple(rewriter.actions))
        if self._identify_patient:
            result.identity = _identity(rewriter)
        if hit is not None:
            written.discard()
            result.reason, result.attribute, result.place = hit
            return None
        result.status, result.reason = "released", ""
        result.sha256, result.size = written.sha256, written.size
        result.codes, result.crosswalk = self._codes, tuple(dict.fromkeys(rewriter.crosswalk))
        return written


def _identity(rewriter: Rewriter) -> tuple[tuple[str, str], ...]:
    """Keywords and texts of the names, identifiers, places and dates of birth that went."""
    from pydicom.datadict import keyword_for_tag

    kinds = ("name", "identifier", "place", "contact")
    wanted = (
        value
        for value in rewriter.found
        if profiles.identity().get(value.tag) in kinds or value.tag in (0x00100030, 0x00080020)
    )
    told = (
        (keyword_for_tag(value.tag), text.strip("\0 "))
        for value in wanted
        for text in decode(value.raw, value.charset).split("\\")
    )
    return tuple(dict.fromkeys(pair for pair in told if pair[0] and pair[1]))


@lru_cache(maxsize=64)
def _marks(
    encoding: Encoding, policy: Policy, *, weakened: bool, known: bool, dates: str, pixels: bool, faces: bool
) -> tuple[bytes, bytes]:
    return mark_elements(
        encoding, policy, weakened=weakened, known=known, dates=dates, pixels=pixels, faces=faces
    )


@lru_cache(maxsize=4096)
def _summary(actions: tuple[tuple[str, int], ...]) -> str:
    """Counts by code and tag as compact JSON; private attributes are one count."""
    counts: dict[str, dict[str, int]] = {}
    for letter, tag in actions:
        name = "private" if tag >> 16 & 1 else f"{tag:08X}"
        group = counts.setdefault(letter, {})
        group[name] = group.get(name, 0) + 1
    return json.dumps(counts, separators=(",", ":"), sort_keys=True)
