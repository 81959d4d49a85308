"""A policy compiled to one number an attribute: what the stream does when it meets a tag with a VR.

Knows PS3.15 Annex E as data, the dictionary's VRs and the user's options. Refuses to know bytes beyond a key
(tag and VR as they stand in a file) and to touch values.
"""

from __future__ import annotations

from dataclasses import dataclass

from medcli.privacy import profiles
from medcli.privacy.dicom.codes import (
    ACCESSION,
    AGE,
    ANY,
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
    ENCAPSULATED_DOCUMENT,
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
from medcli.privacy.dicom.encoding import BULK_VRS, LONG_VRS, SIZES, TEXT_VRS, Encoding
from medcli.privacy.policy import CLEAN_COLUMNS, RETAIN, Policy
from medcli.privacy.profiles.iod import type_of

__all__ = ["Decision", "Table"]

BIRTH_DATE = 0x00100030
_PSEUDONYMS = {0x00100020: PATIENT_ID, 0x00100010: PATIENT_NAME, 0x00080050: ACCESSION}
_SINGLE = {"X": DROP, "Z": ZERO, "D": DUMMY, "U": UID, "K": KEEP_OPTION}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy says of one public attribute, whatever file it stands in.

    Attributes
    ----------
    action
        ``X``, ``Z``, ``D``, ``U``, ``K`` or ``C`` (of a date) of PS3.15 E.1, a choice of them such as ``X/Z/D`` that
        the attribute's type in the IOD decides; ``clean`` for C of a text or of a sequence of texts; or ``keep``,
        ``check`` and ``recurse`` for attributes outside Table E.1-1.
    fallback
        The codes to choose from where a value that was to be kept or shifted is not what its VR says.
    why
        The rule that decided, in words.
    """

    action: str
    fallback: tuple[str, ...]
    why: str


def _offer(offered: tuple[str, ...], kind: str | None) -> str:
    """The code of `offered` that an attribute of type `kind` needs (None where it is unknown)."""
    order = "XZDU"
    wanted = {"3": "X", "2": "Z", "2C": "Z", "1": "D", "1C": "D", None: "U"}[kind]
    ranked = sorted(offered, key=order.index)
    return next((code for code in ranked if order.index(code) >= order.index(wanted)), ranked[-1])


class Table:
    """Policy decisions by tag, and compiled codes by the bytes of tag and VR.

    Parameters
    ----------
    policy
        The user's choice.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.strict = policy.profile == "strict"
        self._rows = profiles.attributes()
        self._technical = profiles.technical()
        self._binary = profiles.technical_binary()
        self._classes = profiles.uid_classes()
        self._identity = profiles.identity()
        self._free = profiles.free_terms()
        self._rules = {rule.tag: rule for rule in policy.rules if rule.tag is not None}
        self._creators = {rule.target: rule.action for rule in policy.rules if rule.tag is None}
        self.keeps_private = "safe-private" in policy.retain or "K" in self._creators.values()
        self._columns = {RETAIN[name][0] for name in policy.retain}
        self._cleaned = {CLEAN_COLUMNS[name] for name in policy.clean}
        self._trees = frozenset(
            tag for tag, row in self._rows.items() if row.vr == "SQ" and self._is_cleaned(row)
        )
        self._choices: dict[tuple[str, tuple[int, ...], int], int] = {}
        self._decisions: dict[int, Decision] = {}
        self._keys: dict[Encoding, dict[bytes, int]] = {}

    @property
    def weakened(self) -> bool:
        """Whether a local rule keeps what the profile would not: the file may then not claim the profile."""
        return any(
            rule.action == "K" and (rule.tag is None or self._standard(rule.tag).action not in ("K", "keep"))
            for rule in self.policy.rules
        )

    @property
    def keeps_identity(self) -> bool:
        """Whether a local rule keeps who the patient is: the file may then not say that this was removed."""
        kinds = ("name", "identifier", "contact")
        kept = {rule.tag for rule in self.policy.rules if rule.action == "K" and rule.tag is not None}
        return BIRTH_DATE in kept or any(self._identity.get(tag) in kinds for tag in kept)

    @property
    def keeps_dates(self) -> bool:
        """Whether a local rule keeps a date that the profile would remove."""
        tags = [rule.tag for rule in self.policy.rules if rule.action == "K" and rule.tag is not None]
        return any(set(vrs_of(tag)) & DATES for tag in tags)

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

    def decide(self, tag: int) -> Decision:
        """What becomes of a public attribute."""
        found = self._decisions.get(tag)
        if found is None:
            rule = self._rules.get(tag)
            standard = self._standard(tag)
            if rule is not None:
                found = Decision(rule.action, standard.fallback, f"local rule: {rule.reason}".rstrip(": "))
            else:
                found = standard
            self._decisions[tag] = found
        return found

    def _standard(self, tag: int) -> Decision:
        row = self._rows.get(tag)
        if row is None or tag >> 16 < 8:
            return self._unlisted(tag)
        return self._listed(row)

    def _listed(self, row: profiles.Attribute) -> Decision:
        basic = tuple(row.basic.rstrip("*").split("/"))
        source = f"PS3.15 Table E.1-1 ({profiles.edition()})"
        if "modified_dates" in self._columns and row.options.get("modified_dates") == "C":
            return Decision("C", basic, f"{source}, Retain Longitudinal Temporal Information Modified Dates")
        for name in sorted(self.policy.retain):
            if row.options.get(RETAIN[name][0]) == "K":
                return Decision("K", basic, f"{source}, option {name}")
        if self._is_cleaned(row):
            named = sorted(
                name
                for name, column in CLEAN_COLUMNS.items()
                if column in self._cleaned and row.options.get(column)
            )
            return Decision("clean", basic, f"{source}, option {named[0]}")
        if row.tag == ENCAPSULATED_DOCUMENT and self.cleans_documents:
            return Decision(
                "D", basic, f"{source}, Basic Profile; where it is a text, the dummy is the text, cleaned"
            )
        return Decision("/".join(basic), basic, f"{source}, Basic Profile")

    def _is_cleaned(self, row: profiles.Attribute) -> bool:
        return any(row.options.get(column) == "C" for column in self._cleaned)

    def cleans_within(self, path: tuple[int, ...], tag: int) -> bool:
        """Whether a text inside a sequence that is cleaned is cleaned with it.

        That is so for texts that Table E.1-1 does not list or that one of its clean options speaks of (Unformatted
        Text Value in a graphic annotation); names, identifiers, dates and addresses keep codes of their own.
        """
        if self._trees.isdisjoint(path) or tag in self._rules:
            return False
        row = self._rows.get(tag)
        return row is None or any(row.options.get(column) == "C" for column in CLEAN_COLUMNS.values())

    def _unlisted(self, tag: int) -> Decision:
        group, vrs = tag >> 16, vrs_of(tag)
        if (
            tag & 0xFFFF == 0
            or tag == 0x00080001
            or group < 8
            or group == 0xFFFC
            or group & 0xFF01 in (0x5000, 0x6000)
        ):
            return Decision(
                "X", ("X",), "not part of a released data set (lengths, command, overlay, curve, padding)"
            )
        if not vrs:
            return Decision("X", ("X",), "in no edition of the dictionary")
        vr = vrs[0]
        if vr == "SQ":
            return Decision("recurse", ANY, "not in Table E.1-1: each item is treated by the same rules")
        if vr in DATES:
            return self._unlisted_date()
        if vr in TEXT_VRS or tag in self._free:
            return self._unlisted_text(tag)
        if vr in BULK_VRS and vr not in SIZES:
            return self._unlisted_bulk(tag)
        checked = {"DS": "a number", "IS": "a number", "AS": "an age, over 89 years becomes 090Y"}
        checked["UI"] = "a class or registered UID; any other becomes a new UID"
        checked["CS"] = "a defined term" if self.strict else "a code string (letters, digits, at most 16)"
        if vr in checked:
            return Decision("check", ANY, f"not in Table E.1-1: kept where it is {checked[vr]}")
        return Decision("keep", ANY, "not in Table E.1-1: its VR is technical")

    def _unlisted_date(self) -> Decision:
        action = {"UNMODIFIED": "K", "MODIFIED": "C"}.get(self.policy.dates, "X/Z/D")
        return Decision(action, ANY, "not in Table E.1-1: treated as the dates that are")

    def _unlisted_text(self, tag: int) -> Decision:
        if tag in self._technical and not self.strict:
            return Decision("keep", ANY, f"not in Table E.1-1: technical text ({self._technical[tag]})")
        if tag in profiles.text_terms():
            return Decision("check", ANY, "not in Table E.1-1: kept where it is a defined term")
        return Decision("X/Z/D", ANY, "not in Table E.1-1: can hold text")

    def _unlisted_bulk(self, tag: int) -> Decision:
        if self._binary.get(tag) == "keep" or (tag in self._binary and not self.strict):
            return Decision("keep", ANY, "not in Table E.1-1: pixels, tables or samples")
        return Decision("X", ("X",), "not in Table E.1-1: bytes of unknown meaning")

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

    @property
    def cleans_documents(self) -> bool:
        """Whether encapsulated documents that are texts are cleaned in place of becoming dummies."""
        return "structured" in self._cleaned

    def cleans_technical(self, path: tuple[int, ...]) -> bool:
        """Whether the known identity is looked for in technical texts, too: with descriptors, and in cleaned trees."""
        return "descriptors" in self._cleaned or not self._trees.isdisjoint(path)

    @staticmethod
    def _cleaned_code(vr: str, *, fits: bool) -> int:
        """A sequence is opened, a text read; bytes, and what is not what its VR should be, nobody can clean."""
        if not fits:
            return CHOOSE
        return {"SQ": SEQUENCE, "CS": TERM}.get(vr, CLEAN if vr in TEXT_VRS else CHOOSE)

    def speaks_of_text(self, tag: int) -> bool:
        """Whether a clean option of Table E.1-1 speaks of a text attribute, chosen or not."""
        row = self._rows.get(tag)
        listed = row is not None and any(row.options.get(column) == "C" for column in CLEAN_COLUMNS.values())
        return listed and bool(TEXT_VRS.intersection(vrs_of(tag)))

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

    def identifies(self, tag: int) -> bool:
        """Whether values of this attribute are searched for in what was written."""
        vrs = vrs_of(tag)
        return tag in self._identity or (bool(vrs) and vrs[0] in ("PN", "UI", "DA", "DT", "SQ"))

    def rules_creator(self, creator: str) -> bool:
        """Whether a local rule speaks of a private creator."""
        return creator in self._creators

    def keeps_creator(self, creator: str, tag: int) -> bool:
        """Whether the private element `tag` of `creator` may stay (PS3.15 E.3.10, or a local rule)."""
        rule = self._creators.get(creator)
        if rule is not None:
            return rule == "K"
        return "safe-private" in self.policy.retain and profiles.is_safe_private(creator, tag)
