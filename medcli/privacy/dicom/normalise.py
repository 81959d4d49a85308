"""Put an odd file in order, so that the stream can read it: inflate, sort, repair VRs by the dictionary.

Knows zlib and pydicom. Refuses to de-identify: what it gives is as identifying as what it got, and stays in memory.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

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

__all__ = ["inflated", "put_in_order"]

#: A deflated or odd data set may take this much memory; a larger one is withheld.
LIMIT = 128 << 20


@contextmanager
def inflated(data: Buffer, frame: Frame) -> Iterator[tuple[Buffer, Frame]]:
    """The data set of a deflated file in clear (PS3.5 A.5); any other file as it is.

    Raises
    ------
    Damaged
        ``truncated`` or ``damaged`` deflate streams, ``too-large`` beyond :data:`LIMIT` (a bomb).
    """
    if frame.syntax != DEFLATED and frame.syntax not in JPIP_DEFLATED:
        yield data, frame
        return
    for wbits in (-15, 15):
        unpacker = zlib.decompressobj(wbits)
        try:
            clear = unpacker.decompress(data[frame.start :], LIMIT + 1)
        except zlib.error:
            continue
        if len(clear) > LIMIT:
            raise Damaged("too-large")
        if not unpacker.eof:
            raise Damaged("truncated")
        break
    else:
        raise Damaged
    yield clear, Frame(0, frame.meta, frame.syntax, frame.encoding)


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
