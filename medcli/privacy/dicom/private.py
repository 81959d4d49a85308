"""Private elements that may stay: what is done with each, by the list, by the VR in the file and by its first bytes.

Knows PS3.15 E.3.10 and that a VR can lie: UN, or an implicit encoding, may hide a whole sequence. Refuses to excuse
anything: what is kept here is searched for the patient like everything else.
"""

from __future__ import annotations

from medcli.privacy import profiles
from medcli.privacy.dicom import codes, values
from medcli.privacy.dicom.encoding import TEXT_VRS, Buffer, Damaged, Odd
from medcli.privacy.dicom.handlers import ValuesRewriting
from medcli.privacy.dicom.rewriting import Replacement
from medcli.privacy.dicom.table import Table
from medcli.privacy.dicom.walk import Element

__all__ = ["PrivateRewriting", "private_code"]

#: An item's tag in both byte orders: what begins with it is read as a sequence, whatever its VR says.
_ITEMS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
_SAMPLES = frozenset(("OB", "OW"))
_CODES = {
    "SQ": codes.SEQUENCE,
    "UI": codes.UID_UNLISTED,
    "DA": codes.DATE,
    "DT": codes.DATE,
    "TM": codes.DATE,
    "AS": codes.AGE,
    "DS": codes.NUMBER_LONG,
    "IS": codes.NUMBER_LONG,
}


def private_code(table: Table, creator: str, element: Element, data: Buffer) -> int:
    """What becomes of a private element that the safe list or a local rule names.

    Parameters
    ----------
    table
        The compiled policy.
    creator
        The private creator of its block.
    element, data
        Where it lies.

    Returns
    -------
    int
        A code of :mod:`medcli.privacy.dicom.codes`; DROP_PRIVATE where its VR contradicts the list.
    """
    listed = "" if table.rules_creator(creator) else profiles.safe_private_vr(creator, element.tag)
    actual = element.vr.decode("ascii")
    known = listed if listed != "UN" else ""
    vr = actual if actual not in ("", "UN") else known
    if known and vr != known and not {vr, known} <= _SAMPLES:
        return codes.DROP_PRIVATE
    if element.undefined or data[element.value : element.value + 4] in _ITEMS:
        return codes.SEQUENCE if vr in ("", "SQ") else codes.DROP_PRIVATE
    if vr == "PN" and listed:
        return codes.DROP_PRIVATE
    return _CODES.get(vr, codes.TEXT if vr in TEXT_VRS else codes.KEEP)


class PrivateRewriting(ValuesRewriting):
    """Handlers of private attributes."""

    def _private_kept(self) -> dict[int, int]:
        """Private tags of this level that stay, creators among them: tag -> code."""
        creators: dict[int, tuple[str, int]] = {}
        kept: dict[int, int] = {}
        for element in self.here:
            group, number = element.tag >> 16, element.tag & 0xFFFF
            if element.code != codes.PRIVATE:
                continue
            if 0x10 <= number <= 0xFF:
                creators[group << 8 | number] = (self.text(self.raw(element)), element.tag)
                continue
            creator, creator_tag = creators.get(group << 8 | number >> 8, ("", 0))
            if creator and self.table.keeps_creator(creator, element.tag):
                kept[element.tag] = private_code(self.table, creator, element, self.data)
                kept.setdefault(creator_tag, codes.TEXT)
        return kept

    def _private_element(self, element: Element) -> Replacement:
        identifies = element.vr in (b"UI", b"PN", b"DA", b"DT", b"SQ")
        gone = codes.DROP_ID if identifies else codes.DROP_PRIVATE
        code = self._private.get(element.tag, gone)
        if code == codes.DATE and self.table.policy.dates != "UNMODIFIED":
            code = gone
        if code == codes.SEQUENCE:
            return self._private_sequence(element)
        if code == codes.TEXT and not values.is_text(self.raw(element)):
            code = gone
        return self._handlers[gone if code == codes.DROP_PRIVATE else code](self, element)

    def _private_sequence(self, element: Element) -> Replacement:
        """Treat the items of a private sequence; one that can't be read as items goes."""
        place = (self.path, self.charset, self.encoding, self.here, self._private)
        try:
            return self._sequence(element)
        except (Damaged, Odd):
            self.path, self.charset, self.encoding, self.here, self._private = place
            return self._drop(element)
