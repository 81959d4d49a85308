"""What an image says of its patient, and whether its pixels may go to a server on another machine.

Knows DICOM headers, file names and the table of classes that show text in their pixels. Refuses to send anything: what
a model is given of a file is decoded pixels (:mod:`medcli.imaging`), never its header. Pixels are not searched for text
here; without a :class:`PixelCleaner`, a picture of which nothing tells that it was cleaned counts as unseen.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from medcli.errors import ItemFailed
from medcli.imaging import MISSING, UNREADABLE, is_dicom
from medcli.privacy.dicom.pixels import may_show_text
from medcli.privacy.text.known import Fact, common_words
from medcli.privacy.text.known_fold import fold
from medcli.privacy.text.known_header import header_facts

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from medcli.privacy.text.known import Known

__all__ = ["Image", "PixelCleaner", "Seen", "facts_of_name", "look"]

_BYTES = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "UN"])
_CLEAN_PIXELS = "113101"  # CID 7050: Clean Pixel Data Option
_NUMBER = re.compile(r"[^\W_]*\d{5}[^\W_]*")
_WORD = re.compile(r"[^\W\d_]{3,}")
#: Words of file names that say what a file is.
_OF_FILES = frozenset(
    ["dcm", "dicom", "fig", "img", "jpeg", "jpg", "pic", "pmc", "png", "synpic", "tif", "tiff"]
)


class PixelCleaner(Protocol):
    """Takes text and faces out of decoded pixels. One that cannot do its work raises, and nothing leaves."""

    name: str
    version: str

    def load(self) -> object:
        """Load what is costly; raises where something is missing."""
        ...

    def clean(self, picture: Picture, known: Known) -> Picture:
        """The same picture, without what identifies."""
        ...


@dataclass(frozen=True, slots=True)
class Image:
    """An image of a question.

    Attributes
    ----------
    source
        A path, a file's bytes, or a decoded picture.
    name
        What its file is called, as far as the name may tell of the patient.
    frame, window
        As :func:`medcli.imaging.open_picture` takes them.
    """

    source: Any = field(repr=False)
    name: str = field(default="", repr=False)
    frame: int = 1
    window: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of an image from outside its pixels.

    Attributes
    ----------
    kind
        ``dicom``, ``picture`` or ``missing``.
    pixels
        ``cleaned``: by the gate; ``declared``: the header says that identity was taken out of the pixels; ``unlikely``: its class shows no text;
        ``unseen``: nobody knows; ``shows-text``: its class does; ``says-identity``: Burned In Annotation is YES.
    facts
        Of its patient, from the header.
    """

    kind: str
    pixels: str = "unseen"
    facts: tuple[Fact, ...] = field(default=(), repr=False)


def look(image: Image) -> Seen:
    """Look at an image's header.

    Raises
    ------
    ItemFailed
        ``image-unreadable`` where it is DICOM and its header cannot be read.
    """
    source = image.source
    if hasattr(source, "getbands"):
        return Seen("picture")
    try:
        if isinstance(source, bytes):
            return _look(source, 0, 0)
        path = Path(source)
        status = path.stat()
        return _look(path, status.st_mtime_ns, status.st_size)
    except (OSError, ValueError):  # a name that no file can have is a file that is not there
        return Seen("missing")
    except ItemFailed as error:
        if error.kind == MISSING:
            return Seen("missing")
        raise


@lru_cache(256)  # questions come ordered by image
def _look(source: Path | bytes, changed: int, size: int) -> Seen:  # noqa: ARG001 - they tell one content from another
    if not is_dicom(source):
        return Seen("picture")
    seen = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seen = _read(source)
    except Exception:  # noqa: BLE001, S110 - parsers raise anything, and quote it
        pass
    if seen is None:
        raise ItemFailed(UNREADABLE)
    return seen


def _read(source: Path | bytes) -> Seen:
    import io

    from pydicom import dcmread

    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    dataset = dcmread(stream, stop_before_pixels=True, force=True)
    facts = tuple(dict.fromkeys(_facts(dataset)))
    texts = {tag: _text(dataset, tag) for tag in (0x00080008, 0x00080060, 0x00080064, 0x00280301)}
    colour = _text(dataset, 0x00280002) not in ("", "1") or _text(dataset, 0x00280004) == "PALETTE COLOR"
    sop_class, syntax = _text(dataset, 0x00080016), str(dataset.file_meta.get("TransferSyntaxUID", ""))
    says = texts[0x00280301].strip().upper()
    methods = dataset.get("DeidentificationMethodCodeSequence") or ()
    codes = {str(item.get("CodeValue", "")) for item in methods}
    cleaned = _text(dataset, 0x00120062).upper() == "YES" and (says == "NO" or _CLEAN_PIXELS in codes)
    risk = bool(may_show_text(sop_class, syntax, texts, colour=colour)) or not sop_class
    if says == "YES":
        return Seen("dicom", "says-identity", facts)
    if risk and not cleaned:
        return Seen("dicom", "shows-text", facts)
    return Seen("dicom", "declared" if cleaned else "unlikely", facts)


def _text(dataset: Any, tag: int) -> str:
    """A value as text, its several joined by backslashes; empty where it is not there."""
    element = dataset.get(tag)
    return _joined(element.value) if element is not None else ""


def _joined(value: Any) -> str:
    if value is None or isinstance(value, bytes):
        return ""
    if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        return "\\".join(map(str, value))
    return str(value)


def _facts(dataset: Any) -> Iterator[Fact]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _facts(item)
        elif element.VR not in _BYTES:
            yield from header_facts(int(element.tag), str(element.VR), _joined(element.value))


def facts_of_name(name: str, spans: Mapping[str, str]) -> Iterator[Fact]:
    """What a file's name may say of its patient.

    Parameters
    ----------
    name
        The name, folders and all.
    spans
        What the finder found in it when its words were set apart: text to category.
    """
    yield from ((category, text) for text, category in spans.items())
    bare = re.sub(r"\.[A-Za-z]{1,5}\b", " ", name)
    yield from (("ID", match[0]) for match in _NUMBER.finditer(bare))
    common = common_words()
    for match in _WORD.finditer(bare):
        word = fold(match[0])
        if not common(word) and word not in _OF_FILES:
            yield "NAME", match[0]
