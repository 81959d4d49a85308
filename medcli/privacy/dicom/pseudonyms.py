"""Names, identifiers, UIDs and date offsets derived from one key, so that nobody has to share a table.

Knows one 32-byte key and HMAC-SHA256. Refuses to know files, elements and profiles.
"""

from __future__ import annotations

import base64
import hmac
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from medcli.privacy.dicom.dictionary import uids
from medcli.privacy.policy import Subject

__all__ = ["Pseudonyms", "UnknownSubject"]

_KINDS = ("uid", "patient", "accession", "date", "owner", "content", "name")


class UnknownSubject(Exception):
    """The patient is not in the list of subjects; the message says nothing about who it is."""


@lru_cache(maxsize=4096)
def registered(uid: str) -> bool:
    """Whether `uid` is a registered DICOM UID of root 1.2.840.10008 (PS3.6 Annex A): it names no patient's object."""
    return uid.startswith("1.2.840.10008.") and uid in uids()


class Pseudonyms:
    """Everything that one key makes of identities.

    Parameters
    ----------
    key
        At least 16 bytes; each kind of pseudonym has a subkey of its own.
    date_shift
        Smallest and largest date offset in days.
    subjects
        The study's own identifiers, or None.
    """

    def __init__(
        self,
        key: bytes,
        date_shift: tuple[int, int] = (-3650, -30),
        subjects: Mapping[tuple[str, str], Subject] | None = None,
    ) -> None:
        if len(key) < 16:
            raise ValueError("a key needs at least 16 bytes")
        self._keys = {kind: hmac.digest(key, kind.encode(), "sha256") for kind in _KINDS}
        self._shift = date_shift
        self._subjects = subjects
        self.uid = lru_cache(maxsize=65536)(self._uid)
        self.patient = lru_cache(maxsize=4096)(self._patient)
        self.days = lru_cache(maxsize=4096)(self._days)

    def digest(self, kind: str, text: str | bytes) -> bytes:
        """HMAC-SHA256 of `text` under the subkey of `kind`: 32 bytes."""
        return hmac.digest(
            self._keys[kind], text if isinstance(text, bytes) else text.encode("utf-8"), "sha256"
        )

    def _uid(self, uid: str) -> str:
        """The new UID of `uid`: a UUID of version 8 (RFC 9562) under 2.25 (PS3.5 B.2); registered UIDs stay."""
        return uid if not uid or registered(uid) else self.derived(uid)

    def derived(self, uid: str) -> str:
        """The UID that the key makes of `uid`, whatever it is."""
        raw = int.from_bytes(self.digest("uid", uid)[:16], "big")
        raw = raw & ~(0xF << 76) | 0x8 << 76
        raw = raw & ~(0x3 << 62) | 0x2 << 62
        return f"2.25.{raw}"

    def _patient(self, basis: tuple[str, ...]) -> str:
        """The pseudonymous Patient ID of an identity.

        Raises
        ------
        UnknownSubject
            With a list of subjects that lacks this patient.
        """
        if self._subjects is None:
            return "P" + self._short("patient", "\x1f".join(basis))
        return self._subject(basis).subject_id

    def _days(self, basis: tuple[str, ...]) -> int:
        """The date offset of an identity in whole days, never zero."""
        if self._subjects is not None and (days := self._subject(basis).days) is not None:
            return days
        low, high = self._shift
        zero = low <= 0 <= high
        span = high - low + 1 - zero
        days = low + int.from_bytes(self.digest("date", "\x1f".join(basis)), "big") % span
        return days + (zero and days >= 0)

    def accession(self, value: str) -> str:
        """The pseudonym of an accession number, 16 characters; empty stays empty."""
        return value and "A" + self._short("accession", value)

    def owner(self, patient_id: str, issuer: str) -> str:
        """A keyed hash that tells whether two files name the same patient; empty where none is named."""
        return self.digest("owner", f"{patient_id}\x1f{issuer}").hex()[:32] if patient_id else ""

    def _short(self, kind: str, text: str) -> str:
        return base64.b32encode(self.digest(kind, text)[:10]).decode("ascii")[:15]

    def _subject(self, basis: tuple[str, ...]) -> Subject:
        found = None
        if self._subjects is not None and basis[0] == "id":
            found = self._subjects.get((basis[1], basis[2])) or self._subjects.get((basis[1], ""))
        if found is None:
            raise UnknownSubject
        return found


def basis_of(patient_id: str, issuer: str, study: str, instance: str) -> tuple[str, ...]:
    """What a patient's pseudonym is derived from: the identifier and its issuer, else the study, else the object."""
    if patient_id:
        return ("id", normal(patient_id), normal(issuer))
    return ("study", study) if study else ("instance", instance)


def normal(text: str) -> str:
    """`text` without padding and in one Unicode form, so that spelling in bytes does not matter."""
    return unicodedata.normalize("NFC", text.strip("\0 \t\r\n"))
