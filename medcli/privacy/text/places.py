"""Geography below a state, and institutions: streets, cities, counties, postal codes beside them, facilities.

Knows the order of its parts: what a street or a facility has taken is no city.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medcli.privacy.text.facilities import find_facilities
from medcli.privacy.text.places_cities import COUNTIES, find_cities, find_counties
from medcli.privacy.text.places_small import find_small_towns
from medcli.privacy.text.places_streets import CORNERS, find_boxes, find_corners, find_streets
from medcli.privacy.text.span import Span

if TYPE_CHECKING:
    from medcli.privacy.text.document import Document

__all__ = ["find_places", "find_places_again"]


def find_places(document: Document) -> list[Span]:
    """All places of a document, with the postal codes that stand beside them."""
    present = document.looked.present
    spans = [*find_streets(document), *(find_boxes(document) if document.digits else ())]
    if document.digits or present & CORNERS:
        spans += find_corners(document)
    spans += find_facilities(document.with_found(spans))
    if present & COUNTIES:
        spans += find_counties(document)
    return spans + list(find_cities(document.with_found(spans)))


def find_places_again(document: Document) -> list[Span]:
    """Cities that fewer points make, once something else was found that identifies somebody."""
    again = list(find_cities(document, told=True)) if document.found else []
    return [*again, *find_small_towns(document)]
