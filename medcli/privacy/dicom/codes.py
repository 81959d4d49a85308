"""The numbers by which table, walker and rewriter agree on what happens to an element, and the tags they single out.

Knows names for numbers and the dictionary's VRs. Refuses to decide anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from medcli.privacy import profiles
from medcli.privacy.dicom import dictionary
from medcli.privacy.dicom.encoding import SIZES

# What the walker and the rewriter do. KEEP, KEEP_LONG and NUMBER never leave the walker's inner loop.
KEEP, KEEP_LONG, NUMBER = 0, 1, 2
DROP, DROP_ID, DROP_PRIVATE = 3, 4, 5
CHOOSE, ZERO, DUMMY, UID = 6, 7, 8, 9
SEQUENCE, SHIFT, DATE, TERM = 10, 11, 12, 13
UID_UNLISTED, UID_CLASS, AGE = 14, 15, 16
PATIENT_ID, PATIENT_NAME, ACCESSION = 17, 18, 19
PRIVATE, KEEP_OPTION, NUMBER_LONG, PIXELS, WATCH = 20, 21, 22, 23, 24
UID_KEPT, TEXT, BULK, CLEAN = 25, 26, 27, 28

# A number is tag << TAG_SHIFT | limit << CODE_BITS | code: numbers ascend as tags do. The limit is the length in bytes
# that a kept binary value may have by its VR and multiplicity; 0 is no limit.
CODE_BITS, TAG_SHIFT = 5, 13
CODE_MASK, LIMIT_MASK, BELOW_TAG = (
    (1 << CODE_BITS) - 1,
    (1 << TAG_SHIFT - CODE_BITS) - 1,
    (1 << TAG_SHIFT) - 1,
)

#: Timezone Offset From UTC, a text among the dates.
TIME_ZONE = 0x00080201
ANY = ("X", "Z", "D")
DATES = frozenset(("DA", "TM", "DT"))
PIXEL_DATA = 0x7FE00010
PIXEL_TAGS = frozenset((0x7FE00008, 0x7FE00009, PIXEL_DATA))
#: Encapsulated Document, MIME Type of Encapsulated Document, Encapsulated Document Length.
ENCAPSULATED_DOCUMENT, MIME_TYPE, ENCAPSULATED_LENGTH = 0x00420011, 0x00420012, 0x00420015
#: Attributes that are kept and whose values the rewriter has to know.
WATCHED = frozenset(
    (
        524293,
        524296,
        524384,
        524388,
        2621442,
        2621444,
        2621448,
        2621456,
        2621457,
        2621696,
        2621697,
        2621698,
        2621699,
        2622209,
        ENCAPSULATED_LENGTH,
    )
)
#: What made the image: a place or device of the same name is no secret (a trailer's "institution" is its maker).
MAKERS = frozenset((0x00080070, 0x00081090))
#: Marks that are written anew in every released file.
MARKS = frozenset((0x00120062, 0x00120063, 0x00120064, 0x00280303))


def vrs_of(tag: int) -> tuple[str, ...]:
    """The VRs that PS3.6 gives a public attribute; empty for one that is in no dictionary."""
    return _dictionary().get(tag, ())


@lru_cache(maxsize=4096)
def limit_of(tag: int, vr: str) -> int:
    """The length in bytes that a binary value of `tag` may have; 0 where its multiplicity sets none below 256."""
    multiplicity = dictionary.attributes().get(tag, ("", "1-n"))[1].rsplit("-", 1)[-1]
    width = SIZES.get(vr, 0)
    limit = width * int(multiplicity) if multiplicity.isdigit() else 0
    return limit if limit <= LIMIT_MASK else 0


@lru_cache(maxsize=1)
def _dictionary() -> Mapping[int, tuple[str, ...]]:
    known = {tag: tuple(entry[0].split(" or ")) for tag, entry in dictionary.attributes().items()}
    for tag, row in profiles.attributes().items():
        if tag not in known and row.vr:
            known[tag] = tuple(row.vr.split(" or "))
    return known
