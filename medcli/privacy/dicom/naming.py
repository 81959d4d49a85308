"""Who and which: what becomes of UIDs, of the patient's name and identifier, and of accession numbers.

Knows pseudonyms. Refuses to know dates, texts and pixels.
"""

from __future__ import annotations

from medcli.privacy.dicom.encoding import uid_text
from medcli.privacy.dicom.pseudonyms import UnknownSubject
from medcli.privacy.dicom.rewriting import Replacement, Rewriting
from medcli.privacy.dicom.walk import Element

__all__ = ["NamesRewriting"]

SOP_INSTANCE = 0x00080018
#: Bytes of a UID value, its delimiter and padding.
UID_BYTES = b"0123456789.\\ \0"


class NamesRewriting(Rewriting):
    """Handlers of names and identifiers."""

    def _same_or_new_uid(self, element: Element) -> bytes:
        """A UID that must not be empty: a registered one stays, nothing becomes something."""
        old = uid_text(self.raw(element))
        return self.put(element, (old or self.names.derived("")).encode("ascii", "replace"), "D")

    def _map_uids(self, element: Element) -> Replacement:
        if self._names_nothing(element):
            return self.put(element, self.instance.encode("ascii"), "U")
        old = [uid_text(part) for part in self.raw(element).split(b"\\")]
        new = [self.names.uid(uid) for uid in old]
        if old == new:
            return None
        self.note(element, "UI")
        self.crosswalk += (("uid", a, b) for a, b in zip(old, new, strict=True) if a != b)
        return self.put(element, "\\".join(new).encode("ascii"), "U")

    def _names_nothing(self, element: Element) -> bool:
        """Whether the object's own SOP Instance UID is there and empty: it gets the one that the file meta has."""
        own = element.tag == SOP_INSTANCE and not self.path
        return own and not self.raw(element).strip(b"\0 ")

    def _uid_kept(self, element: Element) -> Replacement:
        if self._names_nothing(element):
            return self._map_uids(element)
        if self.raw(element).translate(None, UID_BYTES):
            return self._map_uids(element)
        self._keep_option(element)
        return None

    def _uid_class(self, element: Element) -> Replacement:
        return self._choose(element) if self.raw(element).translate(None, UID_BYTES) else None

    def _keep_option(self, element: Element) -> Replacement:
        if element.undefined:
            return self._choose(element)  # items where a value belongs
        if element.end - element.value < 4096 and self.table.identifies(element.tag):
            self.kept.append(self.raw(element))
        return None

    def _patient_id(self, element: Element) -> bytes:
        old = self.text(self.raw(element))
        new = self._patient_here()
        self.note(element)
        if old:
            self.crosswalk.append(("patient", old, new))
        return self.put(element, new.encode("utf-8"), "Z")

    def _patient_here(self) -> str:
        """The patient's pseudonym; inside a sequence that of the item's own identifier, empty where it has none.

        A list of subjects that does not know an identifier inside a sequence gives an empty one, too.
        """
        if not self.path:
            return self.names.patient(self.basis)
        near = {element.tag: element for element in self.here if element.tag in (0x00100020, 0x00100021)}
        patient_id, issuer = (
            self.text(self.raw(near[tag])) if tag in near else "" for tag in (0x00100020, 0x00100021)
        )
        try:
            return self.names.patient(("id", patient_id, issuer)) if patient_id else ""
        except UnknownSubject:
            return ""

    def _patient_name(self, element: Element) -> bytes:
        self.note(element)
        return self.put(element, self._patient_here().encode("utf-8"), "Z")

    def _accession(self, element: Element) -> Replacement:
        old = self.text(self.raw(element))
        if not old:
            return None
        new = self.names.accession(old)
        self.note(element)
        self.crosswalk.append(("accession", old, new))
        return self.put(element, new.encode("ascii"), "Z")
