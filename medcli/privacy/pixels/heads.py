"""Whether a CT, MR or PET image belongs to a volume from which a face could be made visible, by its header.

Knows body parts, words of descriptions, and geometry. Says yes where nothing speaks against it: a scan of unknown
body part with the size of a head counts as one. Refuses to look at pixels. **Nothing here takes a face away**: there is
no tested permissive program to call, so such files are withheld where faces have to go.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medcli.privacy.dicom.header import Header

__all__ = ["may_show_face"]

_MODALITIES = frozenset(("CT", "MR", "PT"))
_IMAGE_TYPE, _BODY_PART, _THICKNESS, _SPACING = 0x00080008, 0x00180015, 0x00180050, 0x00280030
_DESCRIPTIONS = (0x00081030, 0x0008103E, 0x00181030, 0x00321060)
_ROWS, _COLUMNS = 0x00280010, 0x00280011
#: Images that are no part of a volume of tissue (PS3.3 C.7.6.1.1.2, C.8.2.1.1.1): projections and drawings.
_FLAT = frozenset(("LOCALIZER", "MIP", "MPR SCREEN SAVE", "SCREEN SAVE", "PROJECTION IMAGE"))
#: Of PS3.16 Annex L, body parts with a face in the field of view, as they are written to Body Part Examined.
_FACES = frozenset(
    [
        "HEAD",
        "HEADNECK",
        "BRAIN",
        "SKULL",
        "FACE",
        "FACIAL",
        "ORBIT",
        "ORBITS",
        "EYE",
        "EYES",
        "SINUS",
        "SINUSES",
        "PSINUS",
        "NOSE",
        "JAW",
        "MANDIBLE",
        "MAXILLA",
        "TMJ",
        "EAR",
        "EARS",
        "IAC",
        "PITUITARY",
        "SELLA",
        "TEETH",
        "DENTAL",
        "NECK",
        "WHOLEBODY",
        "CIRCLEOFWILLIS",
        "COW",
        "CAROTID",
        "ZYGOMA",
    ]
)
#: Letters beyond ASCII are one byte or two here, for a header's words are read before its character set is known.
_WORDS = re.compile(
    r"brain|head|skull|face|facial|orbit|sinus|neuro|cerebr|cranio|cranium|crania|intracran|pituit|mandib|maxill"
    r"|kopf|sch.{1,2}del|schaedel|hirn|cr.{1,2}ne\b|cerveau|t.{1,2}te\b|cabeza|cr.{1,2}neo|encephal|stroke|mprage"
    r"|\bcow\b|\biac\b|whole.?body",
    re.IGNORECASE,
)
#: Field of view of a head and slices that make a surface, in millimetres.
_HEAD, _THICKEST = (140.0, 320.0), 6.0


def may_show_face(head: Header) -> bool:
    """Whether a face could be reconstructed from the volume that the image belongs to."""
    if head.modality.upper() not in _MODALITIES or head.pixels is None:
        return False
    kinds = {part.strip().upper() for part in head.word(_IMAGE_TYPE).split("\\")}
    if kinds & _FLAT:
        return False
    part = re.sub(r"[^A-Z]", "", head.word(_BODY_PART).upper())
    described = " ".join(head.word(tag) for tag in _DESCRIPTIONS)
    named = part in _FACES or _WORDS.search(described) is not None
    if part and not named:
        # A body part that is named and has no face speaks against one.
        return False
    # Numbers are looked for only now: what is kept as it is costs no object in the first walk.
    told = head.sought(_THICKNESS, _SPACING)
    if _number(told.get(_THICKNESS, "")) > _THICKEST:
        return False
    return named or _sized_like_a_head(head, told.get(_SPACING, ""))


def _sized_like_a_head(head: Header, spaced: str) -> bool:
    spacing = [_number(value) for value in spaced.split("\\")]
    numbers = head.numbers()
    if len(spacing) != 2 or not all(spacing):
        return True
    sides = (numbers.get(_ROWS, 0) * spacing[0], numbers.get(_COLUMNS, 0) * spacing[1])
    return all(_HEAD[0] <= side <= _HEAD[1] for side in sides)


def _number(text: str) -> float:
    try:
        return float(text.strip("\0 "))
    except ValueError:
        return 0.0
