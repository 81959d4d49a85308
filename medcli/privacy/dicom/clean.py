"""Texts of a data set with what identifies in them replaced: the clean options of PS3.15 Annex E.

Knows how long a text of each VR may be, its character set, and one file's identity. Refuses to choose attributes, and
to keep a text that it can't read: what it gives back is clean, or nothing.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING

from medcli.privacy import profiles
from medcli.privacy.dicom import dictionary
from medcli.privacy.dicom.encoding import TEXT_VRS
from medcli.privacy.dicom.pseudonyms import Pseudonyms
from medcli.privacy.dicom.residue import Needles, needles
from medcli.privacy.dicom.rewriting import Found
from medcli.privacy.dicom.values import codecs_of, decode, is_text
from medcli.privacy.policy import Policy
from medcli.privacy.text.known import Known, common_words
from medcli.privacy.text.merge import union
from medcli.privacy.text.replace import Context, Replacer
from medcli.privacy.text.span import Span

if TYPE_CHECKING:
    from medcli.privacy.dicom.documents import Documents
    from medcli.privacy.text.finder import Finder
    from medcli.privacy.text.recognisers import Recogniser

__all__ = ["CLEANED_VRS", "Cleaner", "Identity"]

#: VRs whose texts can be cleaned: not names, which are replaced whole, nor addresses of applications and of the web.
CLEANED_VRS = TEXT_VRS - {"PN", "AE", "UR"}
#: Characters of one value (PS3.5 table 6.2-1).
_ROOM = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240}
#: VRs in which a backslash parts values.
_SEVERAL = frozenset(("LO", "SH", "UC"))
#: Stands where a tag would make a value too long, or would itself be found.
_SHORT = "_"
#: A title or a word such as "seen by" makes a name of this score or more.
_TITLED = 0.8


@dataclass
class Identity:
    """What a file's header says of who it is about.

    Parameters
    ----------
    found, kept, makers
        As a rewriter collected them: values that go, values that stay, manufacturer and model.
    days
        The patient's date offset.
    patient_id, issuer
        Whose pseudonym a record number in a text becomes.
    """

    found: list[Found] = field(repr=False)
    kept: list[bytes] = field(repr=False)
    makers: list[bytes] = field(repr=False)
    days: int = field(default=-1, repr=False)
    patient_id: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)

    @cached_property
    def known(self) -> Known:
        """The same for free text."""
        kept = {raw.strip(b"\0 ") for raw in self.kept}
        values = (value for value in self.found if value.raw.strip(b"\0 ") not in kept)
        return Known.from_header((value.tag, value.vr, decode(value.raw, value.charset)) for value in values)

    @cached_property
    def needles(self) -> Needles:
        """The same for the search of what was written; common words are left to `known`."""
        return needles(self.found, self.kept, self.makers, common=common_words())

    @cached_property
    def context(self) -> Context:
        """The same for replacements."""
        values = [value for _, value in self.known.facts]
        people = tuple(value for category, value in self.known.facts if category == "NAME")
        return Context(self.days, people, frozenset(values), self.issuer)

    def left(self, text: str) -> bool:
        """Whether anything is still found in a cleaned text."""
        return bool(self.known.left(text)) or self.needles.finds(text)


class Cleaner:
    """Replaces what identifies in texts, by one policy; one a process.

    Parameters
    ----------
    policy
        The user's choice.
    names
        Pseudonyms of the key: surrogates derive from them, if the policy has any.
    """

    def __init__(self, policy: Policy, names: Pseudonyms) -> None:
        self._choice, self._names = policy.text, names
        self._replacer = Replacer(self._choice, names)

    @cached_property
    def _finder(self) -> Finder:
        from medcli.privacy.text.finders import finder_of

        return finder_of(self._choice)

    @cached_property
    def _recognisers(self) -> tuple[Recogniser, ...]:
        from medcli.privacy.text.recognisers import recognisers_of

        return recognisers_of(self._choice.recognisers)

    @cached_property
    def _documents(self) -> Documents:
        from medcli.privacy.dicom.documents import Documents

        return Documents(self._choice, self._names, self._finder, self._recognisers)

    def document(self, raw: bytes, mime: str, charset: bytes, identity: Identity) -> bytes | None:
        """An encapsulated document without identity: :meth:`medcli.privacy.dicom.documents.Documents.clean`."""
        return self._documents.clean(raw, mime, charset, identity)

    def clean(self, vr: str, raw: bytes, charset: bytes, identity: Identity, *, known: bool) -> bytes | None:
        """The value without identity.

        Parameters
        ----------
        vr, raw, charset
            VR, bytes, and Specific Character Set of the data set.
        identity
            The file's.
        known
            Look for the known identity only: for technical texts, in which rules would find what is none.

        Returns
        -------
        bytes or None
            `raw` itself where nothing was found; None where the value can't be read, written or made clean.

        Raises
        ------
        SafetyRefused
            A detector failed.
        """
        if vr not in CLEANED_VRS or not is_text(raw):
            return None
        text = readable(raw, charset)
        if text is None:
            return None
        values = text.rstrip("\0 ").split("\\") if vr in _SEVERAL else [text.rstrip("\0 ")]
        cleaned = [self._value(value, identity, _ROOM.get(vr), known=known) for value in values]
        if None in cleaned:
            return None
        if cleaned == values:
            return raw
        return written("\\".join(map(str, cleaned)), charset)

    def _value(self, text: str, identity: Identity, room: int | None, *, known: bool) -> str | None:
        spans = self._spans(text, identity, known=known)
        if not spans:
            return None if identity.needles.finds(text) else text
        edits = self._replacer.edits(text, spans, identity.context)
        full = ((edit.start, edit.end, edit.text) for edit in edits)
        short_ones = ((span.start, span.end, _SHORT) for span in spans)
        for short, instead in ((False, full), (True, short_ones)):
            new = replaced(text, instead)
            if room is not None and len(new) > max(room, len(text) if short else 0):
                continue
            if not identity.left(new):
                return new
        return None

    def _spans(self, text: str, identity: Identity, *, known: bool) -> Sequence[Span]:
        if not text.strip():
            return ()
        if known:
            return union(identity.known.find(text), text)
        from medcli.privacy.text.finders import find_all

        found = find_all(self._finder, self._recognisers, [text], identity.known)[0]
        kept = [span for span in found if not _is_technical(text, span)]
        if len(kept) == len(found) or self._choice.detectors or self._recognisers:
            return found
        # What is known may have been part of a longer find that is passed over.
        return union([*kept, *identity.known.find(text)], text)


def _is_technical(text: str, span: Span) -> bool:
    """Whether a name that the lists guessed at is made of words of protocols and of attributes' names alone.

    Descriptors are full of capitals: "Isocenter Beam 1", "MEDCOM RESAMPLED". What the file says of anybody, what stands
    behind a title is never passed over.
    """
    if span.source != "list:names" or span.score >= _TITLED:
        return False
    words = re.findall(r"[^\W\d_]+", text[span.start : span.end].lower())
    return all(len(word) == 1 or word in _technical_words() for word in words)


@cache
def _technical_words() -> frozenset[str]:
    """Words of the table, and those of attributes' names that are nobody's given name."""
    from medcli.privacy.text.words import FIRST, lexicon

    table = lexicon()
    names = " ".join(entry[2] for entry in dictionary.attributes().values()).lower()
    words = {word for word in re.findall(r"[^\W\d_]{2,}", names) if not table[word] & FIRST}
    return profiles.descriptor_words() | words


def replaced(text: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """`text` with each stretch of it replaced."""
    parts: list[str] = []
    at = 0
    for start, end, new in edits:
        parts += (text[at:start], new)
        at = end
    return "".join((*parts, text[at:]))


def readable(raw: bytes, charset: bytes) -> str | None:
    """Text of `raw`; None where its bytes are of no character set that the data set names, and not UTF-8."""
    if raw.isascii() or b"\x1b" in raw:
        return decode(raw, charset)
    for codec in (*codecs_of(charset), "utf-8"):
        try:
            return raw.decode("ascii" if codec == "iso8859" else codec)
        except (UnicodeDecodeError, LookupError):
            continue
    return None


def written(text: str, charset: bytes) -> bytes | None:
    """`text` in the data set's character sets; None where they don't have its characters."""
    if text.isascii():
        return text.encode("ascii")
    codecs = codecs_of(charset)
    if len(codecs) > 1:
        return _escaped(text, charset, codecs)
    for codec in (*codecs, "utf-8"):
        try:
            raw = text.encode("ascii" if codec == "iso8859" else codec)
        except (UnicodeEncodeError, LookupError):
            continue
        return raw if readable(raw, charset) == text else None
    return None


def _escaped(text: str, charset: bytes, codecs: tuple[str, ...]) -> bytes | None:
    from pydicom.charset import encode_string

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            raw = encode_string(text, list(codecs))
        except (UnicodeError, LookupError, ValueError):
            return None
    return raw if readable(raw, charset) == text else None
