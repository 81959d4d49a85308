"""Put an odd file in order, so that the stream can read it: inflate, sort, repair VRs by the dictionary.

Knows zlib and pydicom. Refuses to de-identify: what it gives is as identifying as what it got, and stays in memory.
"""

from __future__ import annotations

import io
import mmap
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, cast

from medcli.privacy.dicom.encoding import (
    DEFLATED,
    JPIP_DEFLATED,
    UNDEFINED,
    VRS,
    Buffer,
    Damaged,
    Encoding,
    Frame,
    encoding_of,
)
from medcli.privacy.dicom.read import pieces

__all__ = ["inflated", "put_in_order"]

#: An odd data set may have so many bytes: pydicom needs several times as much memory. A larger one is withheld.
LIMIT = 24 << 20
#: A deflated data set up to so many bytes is inflated in memory, a larger one into a file without a name.
_MEMORY = 8 << 20
#: Nothing honest inflates further.
_MOST = 4 << 30


@contextmanager
def inflated(data: Buffer, frame: Frame, folder: str | None = None) -> Iterator[tuple[Buffer, Frame]]:
    """The data set of a deflated file in clear (PS3.5 A.5); any other file as it is.

    Parameters
    ----------
    data, frame
        The file.
    folder
        Where a large data set may lie while it is worked on, in a file without a name; None allows memory only.

    Raises
    ------
    Damaged
        ``truncated`` or ``damaged`` deflate streams; ``too-large`` for what is beyond all measure (a bomb).
    """
    if frame.syntax != DEFLATED and frame.syntax not in JPIP_DEFLATED:
        yield data, frame
        return
    inner = Frame(0, frame.meta, frame.syntax, frame.encoding)
    wbits = 15 if _has_zlib_header(data, frame.start) else -15
    with tempfile.TemporaryFile(dir=folder) if folder is not None else io.BytesIO() as file:
        size = _inflate(data, frame.start, wbits, file, _MOST if folder is not None else LIMIT)
        if size <= _MEMORY or folder is None:
            file.seek(0)
            yield file.read(), inner
            return
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield mapped, inner


def _has_zlib_header(data: Buffer, start: int) -> bool:
    """Whether a deflate stream wrongly begins with a zlib header (RFC 1950 2.2), as some writers make them."""
    first = data[start : start + 2]
    return len(first) == 2 and first[0] == 0x78 and int.from_bytes(first, "big") % 31 == 0


def _inflate(data: Buffer, start: int, wbits: int, file: IO[bytes], most: int) -> int:
    unpacker, size = zlib.decompressobj(wbits), 0
    try:
        for piece in pieces(data, start, len(data)):
            waiting = piece
            while waiting or not size:
                clear = unpacker.decompress(waiting, 1 << 20)
                file.write(clear)
                size += len(clear)
                waiting = unpacker.unconsumed_tail
                if size > most:
                    raise Damaged("too-large")
                if not clear:
                    break
            if unpacker.eof:
                return size
    except zlib.error:
        raise Damaged from None
    raise Damaged("truncated")


@contextmanager
def put_in_order(data: Buffer, frame: Frame) -> Iterator[tuple[bytes, Frame]]:
    """The same data set as pydicom reads and writes it: tags ascending and single, VRs of the dictionary.

    Raises
    ------
    Damaged
        Where pydicom can't read it either, or it is larger than :data:`LIMIT`.
    """
    if len(data) > LIMIT:
        raise Damaged("too-large")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ordered = _reordered(bytes(data[frame.start :]), frame)
    except Damaged:
        raise
    except Exception:  # noqa: BLE001 - pydicom's errors are of many classes and quote values: none of them may get out
        raise Damaged from None
    yield ordered, Frame(0, frame.meta, frame.syntax, encoding_of(frame.syntax))


def _reordered(body: bytes, frame: Frame) -> bytes:
    from pydicom import config

    encoding = frame.encoding
    known, config.replace_un_with_known_vr = config.replace_un_with_known_vr, False
    try:
        return _rewritten(body, encoding)
    finally:
        config.replace_un_with_known_vr = known  # UN stays what it is: the stream knows how to look into it


def _rewritten(body: bytes, encoding: Encoding) -> bytes:
    from pydicom.filebase import DicomBytesIO
    from pydicom.filereader import read_dataset
    from pydicom.filewriter import write_dataset

    source = DicomBytesIO(body)
    dataset = read_dataset(cast("BinaryIO", source), not encoding.explicit, encoding.little)
    _repair(dataset)
    target = DicomBytesIO()
    target.is_implicit_VR, target.is_little_endian = not encoding.explicit, encoding.little
    write_dataset(target, dataset)
    return bytes(target.getvalue())


def _repair(dataset: Any) -> None:
    """Replace elements whose VR is none, or whose value does not parse, by their raw bytes under a VR that holds them."""
    from pydicom.datadict import dictionary_has_tag, dictionary_VR
    from pydicom.dataelem import DataElement, RawDataElement
    from pydicom.sequence import Sequence

    for tag in list(dataset.keys()):
        raw = dataset.get_item(tag)
        if isinstance(raw, RawDataElement) and _cut_short(raw):
            raise Damaged("truncated")
        if isinstance(raw, RawDataElement) and (raw.VR or "").encode("latin-1", "replace") not in VRS:
            vr = dictionary_VR(tag).split(" or ")[0] if dictionary_has_tag(tag) else "UN"
            dataset._dict[tag] = raw._replace(VR=vr)  # noqa: SLF001 - the only door to a raw element
        element = dataset[tag]
        if isinstance(element, DataElement) and isinstance(element.value, Sequence):
            for item in element.value:
                _repair(item)


def _cut_short(raw: Any) -> bool:
    """Whether a raw element of known length holds fewer bytes: the file ends inside it, which pydicom lets pass."""
    return raw.length != UNDEFINED and raw.value is not None and len(raw.value) < raw.length
