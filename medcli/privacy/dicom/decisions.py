"""What a policy says of each attribute, in words of PS3.15 E.1: the profile, its options, local rules, and the rest by VR.

Knows PS3.15 Annex E as data, the dictionary's VRs and the user's options. Refuses to know bytes and values.
"""

from __future__ import annotations

from dataclasses import dataclass

from medcli.privacy import profiles
from medcli.privacy.dicom.codes import ANY, DATES, ENCAPSULATED_DOCUMENT, vrs_of
from medcli.privacy.dicom.encoding import BULK_VRS, SIZES, TEXT_VRS
from medcli.privacy.policy import CLEAN_COLUMNS, RETAIN, Policy

__all__ = ["Decision", "Decisions"]

BIRTH_DATE = 0x00100030


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


class Decisions:
    """Policy decisions by tag.

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
        self._decisions: dict[int, Decision] = {}

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

    @property
    def cleans_documents(self) -> bool:
        """Whether encapsulated documents that are texts are cleaned in place of becoming dummies."""
        return "structured" in self._cleaned

    def cleans_technical(self, path: tuple[int, ...]) -> bool:
        """Whether the known identity is looked for in technical texts, too: with descriptors, and in cleaned trees."""
        return "descriptors" in self._cleaned or not self._trees.isdisjoint(path)

    def speaks_of_text(self, tag: int) -> bool:
        """Whether a clean option of Table E.1-1 speaks of a text attribute, chosen or not."""
        row = self._rows.get(tag)
        listed = row is not None and any(row.options.get(column) == "C" for column in CLEAN_COLUMNS.values())
        return listed and bool(TEXT_VRS.intersection(vrs_of(tag)))

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
