"""What a user chose for one de-identification: profile, options, local rules, study subjects.

Knows names and their contradictions. Refuses to know DICOM bytes, keys and files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from medcli.privacy.pixels.policy import PixelPolicy
from medcli.privacy.text.replace_policy import TextPolicy

__all__ = ["CLEAN", "CLEAN_COLUMNS", "PIXELS", "PROFILES", "RETAIN", "Policy", "Rule", "Subject"]

PROFILES = ("basic", "strict")
#: What is done with pixels that may show text.
PIXELS = ("withhold", "auto", "all", "off")

#: Retain options of PS3.15 Annex E: name on the command line -> (column of the table, code of CID 7050).
RETAIN: Mapping[str, tuple[str, str]] = {
    "uids": ("uids", "113110"),
    "device-identity": ("device", "113109"),
    "institution-identity": ("institution", "113112"),
    "patient-characteristics": ("patient", "113108"),
    "full-dates": ("full_dates", "113106"),
    "modified-dates": ("modified_dates", "113107"),
    "safe-private": ("safe_private", "113111"),
}

#: Clean options of PS3.15 Annex E and their codes of CID 7050.
CLEAN: Mapping[str, str] = {
    "pixel-data": "113101",
    "visual-features": "113102",
    "graphics": "113103",
    "structured-content": "113104",
    "descriptors": "113105",
}


#: Those of them that clean texts, and their columns of the table.
CLEAN_COLUMNS: Mapping[str, str] = {
    "descriptors": "descriptors",
    "structured-content": "structured",
    "graphics": "graphics",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A local override for one attribute, or for every element of one private creator.

    Parameters
    ----------
    target
        A tag as eight hexadecimal digits, or the private creator's name.
    action
        ``X``, ``Z``, ``D``, ``U`` or ``K`` (PS3.15 E.1); for a creator ``X`` or ``K``.
    reason
        Why, in the user's words; it is shown by ``--explain`` and never written to a released file.
    """

    target: str
    action: str
    reason: str = ""

    @property
    def tag(self) -> int | None:
        """The attribute's tag, or None where the rule speaks of a private creator."""
        try:
            return int(self.target, 16) if len(self.target) == 8 else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Subject:
    """A study's own name for a patient, and the days by which that patient's dates move."""

    subject_id: str
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """One choice of profile, options and overrides; picklable and comparable.

    Parameters
    ----------
    profile
        ``basic`` (PS3.15 Basic Application Level Confidentiality Profile) or ``strict``.
    retain
        Names out of :data:`RETAIN`.
    clean
        Names out of :data:`CLEAN_COLUMNS`.
    pixels
        ``withhold`` a file whose pixels may show text, ``auto`` to clean it instead, ``all`` to clean all pixels, or
        ``off`` to pass it marked as not de-identified.
    date_shift
        Smallest and largest offset in days of ``modified-dates``; zero is never drawn.
    subjects
        (Patient ID, Issuer of Patient ID) -> Subject; where given, any other patient is withheld.
    rules
        Local overrides.
    text
        What is done to texts.
    look
        What is done to text in pixels.
    """

    profile: str = "basic"
    retain: frozenset[str] = frozenset()
    pixels: str = "withhold"
    date_shift: tuple[int, int] = (-3650, -30)
    subjects: Mapping[tuple[str, str], Subject] | None = field(default=None, hash=False)
    rules: tuple[Rule, ...] = ()
    clean: frozenset[str] = frozenset()
    text: TextPolicy = field(default_factory=TextPolicy)
    look: PixelPolicy = field(default_factory=PixelPolicy)

    def __post_init__(self) -> None:
        low, high = self.date_shift
        if self.profile not in PROFILES:
            raise ValueError(f"profile must be one of {', '.join(PROFILES)}")
        if unknown := self.retain - RETAIN.keys():
            raise ValueError(f"unknown retain option {', '.join(sorted(unknown))}")
        if unbuilt := self.clean - CLEAN_COLUMNS.keys():
            raise ValueError(f"no texts are cleaned by {', '.join(sorted(unbuilt))}")
        if {"full-dates", "modified-dates"} <= self.retain:
            raise ValueError("full-dates and modified-dates contradict each other")
        if self.pixels not in PIXELS:
            raise ValueError(f"pixels must be one of {', '.join(PIXELS)}")
        if low > high or low == high == 0:
            raise ValueError("the date shift must be MIN..MAX with at least one day that is not zero")

    @property
    def dates(self) -> str:
        """What happens to dates: ``REMOVED``, ``UNMODIFIED`` or ``MODIFIED`` (PS3.3 C.12.1, (0028,0303))."""
        if "full-dates" in self.retain:
            return "UNMODIFIED"
        return "MODIFIED" if "modified-dates" in self.retain else "REMOVED"
