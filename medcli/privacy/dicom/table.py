"""A policy compiled to one number an attribute: what the stream does when it meets a tag with a VR.

Knows PS3.15 Annex E as data, the dictionary's VRs and the user's options. Refuses to know bytes beyond a key
(tag and VR as they stand in a file) and to touch values.
"""

from __future__ import annotations

from medcli.privacy.dicom.codes import (
    ACCESSION,
    AGE,
    BULK,
    CHOOSE,
    CLEAN,
    CODE_BITS,
    DATE,
    DATES,
    DROP,
    DROP_ID,
    DROP_PRIVATE,
    DUMMY,
    KEEP,
    KEEP_LONG,
    KEEP_OPTION,
    MAKERS,
    MARKS,
    NUMBER,
    NUMBER_LONG,
    PATIENT_ID,
    PATIENT_NAME,
    PIXEL_TAGS,
    PIXELS,
    PRIVATE,
    SEQUENCE,
    SHIFT,
    TAG_SHIFT,
    TERM,
    TEXT,
    TIME_ZONE,
    UID,
    UID_CLASS,
    UID_KEPT,
    UID_UNLISTED,
    WATCH,
    WATCHED,
    ZERO,
    limit_of,
    vrs_of,
)
from medcli.privacy.dicom.decisions import Decision, Decisions
from medcli.privacy.dicom.encoding import LONG_VRS, SIZES, TEXT_VRS, Encoding
from medcli.privacy.policy import Policy
from medcli.privacy.profiles.iod import type_of

__all__ = ["Table"]

_PSEUDONYMS = {0x00100020: PATIENT_ID, 0x00100010: PATIENT_NAME, 0x00080050: ACCESSION}
_SINGLE = {"X": DROP, "Z": ZERO, "D": DUMMY, "U": UID, "K": KEEP_OPTION}


def _offer(offered: tuple[str, ...], kind: str | None) -> str:
    """The code of `offered` that an attribute of type `kind` needs (None where it is unknown)."""
    order = "XZDU"
    wanted = {"3": "X", "2": "Z", "2C": "Z", "1": "D", "1C": "D", None: "U"}[kind]
    ranked = sorted(offered, key=order.index)
    return next((code for code in ranked if order.index(code) >= order.index(wanted)), ranked[-1])


class Table(Decisions):
    """Policy decisions by tag, and compiled codes by the bytes of tag and VR.

    Parameters
    ----------
    policy
        The user's choice.
    """

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._choices: dict[tuple[str, tuple[int, ...], int], int] = {}
        self._keys: dict[Encoding, dict[bytes, int]] = {}

    def keys(self, encoding: Encoding) -> dict[bytes, int]:
        """The table of one encoding: bytes of tag (and VR, where explicit) -> tag and code in one number.

        It grows as files are read: ask :meth:`learn` for a key that is not in it.
        """
        return self._keys.setdefault(encoding, {})

    def learn(self, encoding: Encoding, key: bytes) -> int:
        """The number of a key that was not met before (its parts: :mod:`medcli.privacy.dicom.codes`)."""
        tag = encoding.tag(key[:4])
        vr = key[4:6].decode("latin-1") if encoding.explicit else ""
        limit = limit_of(tag, vr or (vrs_of(tag) or ("",))[0])
        number = tag << TAG_SHIFT | limit << CODE_BITS | self.code(tag, vr)
        keys = self._keys.setdefault(encoding, {})
        if len(keys) < 200_000:
            keys[bytes(key)] = number
        return number

    def code(self, tag: int, vr: str) -> int:
        """The compiled code of an attribute that stands in a file with `vr` ('' in implicit encodings)."""
        if tag >> 16 & 1:
            return self._private_code(vr)
        if tag in MARKS:
            return DROP
        decision, known = self.decide(tag), vrs_of(tag)
        actual = known[0] if known and vr in ("", "UN") else vr
        code = self._action_code(tag, decision, actual, fits=not vr or vr == "UN" or vr in known)
        long = vr.encode("latin-1") in LONG_VRS
        return {KEEP: KEEP_LONG, NUMBER: NUMBER_LONG}.get(code, code) if long else code

    def _private_code(self, vr: str) -> int:
        if self.keeps_private:
            return PRIVATE
        return DROP_ID if vr in ("UI", "PN", "DA", "DT", "SQ") else DROP_PRIVATE

    def _action_code(self, tag: int, decision: Decision, vr: str, *, fits: bool) -> int:
        action = decision.action
        if tag in _PSEUDONYMS and tag not in self._rules and action not in ("K", "X"):
            return _PSEUDONYMS[tag]
        if action in ("keep", "check", "recurse"):
            return self._kept_code(tag, action, vr, fits=fits)
        if action == "C":
            return SHIFT
        if action == "clean":
            return self._cleaned_code(vr, fits=fits)
        if action == "K":
            return self._contradicted_code(tag, vr) if not fits else self._retained_code(tag, vr)
        if vr == "SQ" and "U" in action:
            return SEQUENCE
        if action == "X":
            return DROP_ID if self.identifies(tag) else DROP
        if self._trees and self.speaks_of_text(tag):
            return CHOOSE  # inside a cleaned sequence it may stay
        return _SINGLE.get(action, CHOOSE)

    @staticmethod
    def _cleaned_code(vr: str, *, fits: bool) -> int:
        """A sequence is opened, a text read; bytes, and what is not what its VR should be, nobody can clean."""
        if not fits:
            return CHOOSE
        return {"SQ": SEQUENCE, "CS": TERM}.get(vr, CLEAN if vr in TEXT_VRS else CHOOSE)

    def choose(self, sop_class: str, path: tuple[int, ...], tag: int) -> int:
        """Resolve the codes that an attribute offers by its Type in the IOD (PS3.15 E.1, note on X/Z/D).

        Parameters
        ----------
        sop_class
            SOP Class UID of the object.
        path
            Tags of the sequences around the attribute, outermost first.
        tag
            The attribute.

        Returns
        -------
        int
            DROP, DROP_ID, ZERO, DUMMY or UID. Unknown types choose the code that is legal for any type.
        """
        found = self._choices.get((sop_class, path, tag))
        if found is None:
            offered = self.decide(tag).fallback
            letter = _offer(offered, type_of(sop_class, path, tag))
            found = _SINGLE[letter]
            if found == DROP and self.identifies(tag):
                found = DROP_ID
            if len(self._choices) < 100_000:
                self._choices[sop_class, path, tag] = found
        return found

    def _kept_code(self, tag: int, action: str, vr: str, *, fits: bool) -> int:
        if tag in PIXEL_TAGS:
            return PIXELS
        if (tag in WATCHED or tag in MAKERS) and fits:
            return WATCH
        if not fits:
            if vr in SIZES:
                return WATCH if tag in WATCHED else KEEP
            return TEXT if tag in self._technical and vr in TEXT_VRS and not self.strict else CHOOSE
        if action == "recurse":
            return SEQUENCE
        if action == "keep":
            return TEXT if vr in TEXT_VRS else BULK if tag in self._binary else KEEP
        special = {"DS": NUMBER, "IS": NUMBER, "AS": AGE, "CS": TERM}
        if action == "check" and vr in TEXT_VRS:
            return TERM
        if vr == "UI":
            return UID_CLASS if tag in self._classes else UID_UNLISTED
        return special.get(vr, KEEP)

    def _contradicted_code(self, tag: int, vr: str) -> int:
        """What is kept under another VR than the dictionary's has to be what the dictionary says."""
        known = vrs_of(tag)
        if vr == "SQ" or not known:
            return self._retained_code(tag, vr)
        return CHOOSE if known[0] == "SQ" else self._retained_code(tag, known[0])

    @staticmethod
    def _retained_code(tag: int, vr: str) -> int:
        if vr in DATES:
            return DATE
        if tag == TIME_ZONE:
            return SHIFT  # its handler lets an offset from UTC pass, and nothing else
        if vr == "AS":
            return AGE
        return {"SQ": SEQUENCE, "UI": UID_KEPT}.get(vr, KEEP_OPTION)
