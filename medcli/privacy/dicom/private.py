"""Private elements that may stay: what is done with each, by the list, by the VR in the file and by its first bytes.

Knows PS3.15 E.3.10 and that a VR can lie: UN, or an implicit encoding, may hide a whole sequence. Refuses to excuse
anything: what is kept here is searched for the patient like everything else.
"""

from __future__ import annotations

from medcli.privacy import profiles
from medcli.privacy.dicom import codes
from medcli.privacy.dicom.encoding import TEXT_VRS, Buffer
from medcli.privacy.dicom.table import Table
from medcli.privacy.dicom.walk import Element

__all__ = ["private_code"]

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
