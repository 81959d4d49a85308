"""Writes the same data set in another encoding: explicit, implicit, big endian, deflated, undefined lengths, RLE.

Knows which VRs are numbers of how many bytes. Refuses to know attributes: in implicit VR a private sequence of
undefined length stays one, everything else keeps its bytes.
"""

from __future__ import annotations

from tests.privacy import wire

WIDTH = {"US": 2, "SS": 2, "OW": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4} | dict.fromkeys(
    ("FD", "OD", "SV", "UV", "OV"), 8
)


def _swap(value: bytes, width: int) -> bytes:
    """Turn the bytes of every number of ``width`` bytes around."""
    if width < 2 or len(value) % width:
        return value
    out = bytearray(len(value))
    for at in range(width):
        out[at::width] = value[width - 1 - at :: width]
    return bytes(out)


def _items(value: bytes, syntax: wire.Syntax) -> list[bytes]:
    """Split a sequence's value into the contents of its items."""
    contents = []
    for each in wire.elements(value, syntax):
        if each.tag == wire.ITEM:
            undefined = each.raw[4:8] == b"\xff\xff\xff\xff"
            contents.append(each.value[:-8] if undefined else each.value)
    return contents


def body(data: bytes, source: wire.Syntax, target: wire.Syntax, *, undefined: bool = False) -> bytes:
    """Write the elements of an explicit VR data set in ``target``; sequences get all lengths alike.

    Raises
    ------
    ValueError
        The source is implicit VR, so that its VRs are not in its bytes.
    """
    if source.implicit:
        raise ValueError("the source must be explicit VR")
    out = []
    for each in wire.elements(data, source):
        if each.tag & 0xFFFF == 0:
            continue
        if each.vr == "SQ":
            inner = (
                body(content, source, target, undefined=undefined) for content in _items(each.value, source)
            )
            out.append(wire.sequence(each.tag, inner, target, undefined=undefined))
        elif each.raw[8:12] == b"\xff\xff\xff\xff" and each.vr in wire.LONG:
            out.append(each.raw)
        else:
            swapped = (
                _swap(each.value, WIDTH.get(each.vr, 1)) if source.little != target.little else each.value
            )
            out.append(wire.element(each.tag, each.vr, swapped, target, pad=False))
    return b"".join(out)


def recode(data: bytes, transfer_syntax: str, *, undefined: bool = False) -> bytes:
    """Write a file in explicit VR again in another uncompressed or deflated transfer syntax."""
    file = wire.split(data)
    source, target = wire.syntax_of(file.transfer_syntax), wire.syntax_of(transfer_syntax)
    new = body(file.body, source, target, undefined=undefined)
    return wire.join(file._replace(transfer_syntax=transfer_syntax, body=new))


def encapsulate(data: bytes, transfer_syntax: str, parts: list[bytes], *, table: bytes = b"") -> bytes:
    """Put ``parts`` as fragments in the place of a file's pixel data, whatever they hold."""
    file = wire.split(data)
    out = [
        wire.fragments(0x7FE00010, parts, table=table) if each.tag == 0x7FE00010 else each.raw
        for each in wire.elements(file.body)
    ]
    return wire.join(file._replace(transfer_syntax=transfer_syntax, body=b"".join(out)))


def rle(data: bytes) -> bytes:
    """Compress a file of explicit little endian native pixels with RLE by pydicom's own encoder."""
    import io

    import pydicom

    ds = pydicom.dcmread(io.BytesIO(data))
    ds.compress(wire.RLE, encoding_plugin="pydicom", generate_instance_uid=False)
    out = io.BytesIO()
    ds.save_as(out)
    return out.getvalue()
