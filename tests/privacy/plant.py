"""Puts canaries into every corner of a real file: ``plant`` for what is text, the others for pixels and JPEG.

Knows where PS3 lets an identity lie beside the plain attributes of ``canaries.tsv``: three levels deep, in private
blocks, behind UN, in overlays, curves, icons, waveforms, file meta, the preamble and after the data set's end.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from tests.privacy import wire
from tests.privacy.canaries import CHARSETS, Canary, Planter, leftovers, table

Parts = dict[int, bytes]
US = struct.Struct("<H")


def _short(p: Planter, *values: int) -> bytes:
    order = "<" if p.syntax.little else ">"
    return struct.pack(f"{order}{len(values)}H", *values)


def _code(p: Planter, place: str, *, meaning: bool = False) -> bytes:
    """Write a code sequence item's content with a comment; one of them has a canary for its meaning."""
    return (
        p.element(0x00080100, "SH", b"T-D3000")
        + p.element(0x00080102, "SH", b"SRT")
        + p.element(0x00080104, "LO", p.text("code meaning", technical=True) if meaning else b"Chest")
        + p.element(0x00204000, "LT", p.text(f"{place}, comment"))
    )


def _person(p: Planter, place: str, charset: str = "") -> bytes:
    """Write an item's content that names a patient, in a character set of its own where one is given."""
    own = p.element(0x00080005, "CS", CHARSETS[charset][0].encode()) if charset else b""
    return (
        own
        + p.element(0x00080080, "LO", p.text(f"{place}, institution"))
        + p.element(0x00080081, "ST", p.national(f"{place}, address", charset))
        + p.element(0x00081155, "UI", p.uid(f"{place}, referenced instance"))
        + p.element(0x00090010, "LO", p.text(f"{place}, private creator"))
        + p.element(0x00091001, "LO", p.text(f"{place}, private value"))
        + p.element(0x00100010, "PN", p.name(f"{place}, patient name", charset))
        + p.element(0x00100020, "LO", p.text(f"{place}, patient identifier"))
        + p.element(0x00104000, "LT", p.text(f"{place}, comments"))
    )


def _deep(
    p: Planter, tags: tuple[int, ...], place: str, charset: str = "", *, undefined: bool = False
) -> bytes:
    """Write sequences one in another along ``tags``, a person in the innermost and a code in each."""
    if not tags:
        return _person(p, place, charset)
    inner = _deep(p, tags[1:], f"{place} > {tags[0]:08X}", charset, undefined=undefined)
    body = _code(p, place, meaning=place == "undefined lengths") + inner if len(tags) > 1 else inner
    body = b"".join(each.raw for each in sorted(wire.elements(body, p.syntax)))
    return wire.sequence(tags[0], [body], p.syntax, undefined=undefined)


def sequences(p: Planter) -> Parts:
    """Plant in sequences that stay and sequences that go, three levels deep, in three character sets."""
    parts = {
        0x00082218: _deep(p, (0x00082218, 0x00082220, 0x00082220), "three levels"),
        0x00189346: _deep(p, (0x00189346, 0x0040A170), "undefined lengths", "utf8", undefined=True),
        0x00400260: _deep(p, (0x00400260, 0x00082228, 0x00082230), "kanji item", "kanji"),
        0x00540220: _deep(p, (0x00540220, 0x00540222), "korean item", "korean", undefined=True),
        0x04000561: _deep(p, (0x04000561, 0x04000550), "original attributes", undefined=True),
        0x00400275: _deep(p, (0x00400275, 0x00400008), "request attributes"),
        0x00081140: _deep(p, (0x00081140,), "referenced image"),
        0x00082112: _deep(p, (0x00082112, 0x0040A170), "source image"),
        0x00400555: _deep(p, (0x00400555, 0x0040A168), "acquisition context"),
    }
    return parts | ({} if p.syntax.implicit else hidden(p))


def hidden(p: Planter) -> Parts:
    """Plant in sequences that UN hides, which are implicit little endian whatever the file is (PS3.5, 6.2.2)."""
    inner = Planter(p.charset, wire.Syntax(implicit=True), p.serial, p.canaries)
    known = _deep(inner, (0x00082228,), "UN hiding a sequence")[8:]
    unknown = _deep(inner, (0x0018EEE4,), "UN hiding an unknown sequence")[8:]
    parts = {
        0x00082228: wire.element(0x00082228, "UN", known, p.syntax),
        0x0018EEE4: wire.element(0x0018EEE4, "UN", unknown, p.syntax),
    }
    if p.syntax.little:  # pydicom reads the undefined form in the file's own byte order
        more = _deep(inner, (0x00082230,), "UN of undefined length", undefined=True)[8:]
        parts[0x00082230] = wire.head(0x00082230, "UN", wire.UNDEFINED, p.syntax) + more
    p.serial = inner.serial
    return parts


def private(p: Planter) -> Parts:
    """Plant in private blocks: creators, text, binary, UN, a private sequence with both kinds inside."""
    nested = _person(p, "private sequence") + wire.sequence(
        0x00091011, [_person(p, "private in private")], p.syntax
    )
    return {
        0x00090010: p.element(0x00090010, "LO", p.text("private creator")),
        0x00091001: p.element(0x00091001, "LO", p.text("private text")),
        0x00091002: wire.sequence(0x00091002, [nested], p.syntax),
        0x00091003: p.element(0x00091003, "UN", p.text("private UN")),
        0x00091004: wire.sequence(
            0x00091004, [_person(p, "private sequence, undefined")], p.syntax, undefined=True
        ),
        0x00290011: p.element(0x00290011, "LO", b"SIEMENS CSA HEADER"),
        0x00291110: p.element(0x00291110, "OB", b"SV10" + p.text("vendor header")),
        0x00290001: p.element(0x00290001, "LO", p.text("private element without a block")),
        0x00295599: p.element(0x00295599, "LO", p.text("private element without a creator")),
    }


def graphics(p: Planter) -> Parts:
    """Plant in overlays, a curve, an icon and a waveform with its annotation."""
    icon = p.element(0x00280010, "US", _short(p, 8)) + p.element(0x00280011, "US", _short(p, 8))
    icon += p.element(0x7FE00010, "OB", p.text("icon image").ljust(64))
    note = p.element(0x0040A0B0, "US", _short(p, 1, 1)) + p.element(
        0x00700006, "ST", p.text("waveform annotation")
    )
    wave = p.element(0x003A0020, "SH", p.text("multiplex group")) + p.element(0x54001010, "OW", b"\0" * 16)
    parts = {
        0x0040B020: wire.sequence(0x0040B020, [note], p.syntax),
        0x00880200: wire.sequence(0x00880200, [icon], p.syntax),
        0x54000100: wire.sequence(0x54000100, [wave], p.syntax),
    }
    for group in (0x60000000, 0x601E0000):
        parts |= {
            group + 0x10: p.element(group + 0x10, "US", _short(p, 16)),
            group + 0x11: p.element(group + 0x11, "US", _short(p, 16)),
            group + 0x22: p.element(group + 0x22, "LO", p.text("overlay description")),
            group + 0x40: p.element(group + 0x40, "CS", b"G"),
            group + 0x50: p.element(group + 0x50, "SS", _short(p, 1, 1)),
            group + 0x100: p.element(group + 0x100, "US", _short(p, 1)),
            group + 0x102: p.element(group + 0x102, "US", _short(p, 0)),
            group + 0x1500: p.element(group + 0x1500, "LO", p.text("overlay label")),
            group + 0x3000: p.element(group + 0x3000, "OW", p.text("overlay data").ljust(32)),
            group + 0x4000: p.element(group + 0x4000, "LT", p.text("overlay comments")),
        }
    return parts | {
        0x50000005: p.element(0x50000005, "US", _short(p, 2)),
        0x50000022: p.element(0x50000022, "LO", p.text("curve description")),
        0x50000030: p.element(0x50000030, "SH", p.text("curve axis")),
        0x50003000: p.element(0x50003000, "OW", p.text("curve data")),
    }


def content(p: Planter) -> Parts:
    """Plant in the content tree of a structured report."""
    leaf = (
        p.element(0x0040A120, "DT", p.date("content date-time") + b"1011")
        + p.element(0x0040A121, "DA", p.date("content date"))
        + p.element(0x0040A123, "PN", p.name("content person"))
        + p.element(0x0040A124, "UI", p.uid("content UID"))
        + p.element(0x0040A160, "UT", p.text("content text"))
    )
    inner = wire.sequence(0x0040A730, [leaf], p.syntax)
    middle = wire.sequence(0x0040A043, [_code(p, "concept")], p.syntax) + inner
    return {0x0040A730: wire.sequence(0x0040A730, [wire.sequence(0x0040A730, [middle], p.syntax)], p.syntax)}


def meta(p: Planter, file: wire.File) -> wire.File:
    """Plant in the file meta information and the preamble."""
    plain = Planter(p.charset, wire.PLAIN, p.serial, p.canaries)
    kept = {each.tag: each.raw for each in file.meta}
    kept |= {
        0x00020012: plain.element(0x00020012, "UI", plain.uid("implementation class UID")),
        0x00020013: plain.element(0x00020013, "SH", plain.text("implementation version")),
        0x00020016: plain.element(0x00020016, "AE", plain.text("source AE title")),
        0x00020017: plain.element(0x00020017, "AE", plain.text("sending AE title")),
        0x00020018: plain.element(0x00020018, "AE", plain.text("receiving AE title")),
        0x00020100: plain.element(0x00020100, "UI", plain.uid("private information creator")),
        0x00020102: plain.element(0x00020102, "OB", plain.text("private information")),
    }
    preamble = plain.text("preamble").ljust(128) + b"DICM"
    p.serial = plain.serial
    whole = b"".join(kept[tag] for tag in sorted(kept))
    return file._replace(preamble=preamble, meta=tuple(wire.elements(whole)))


def old_uids(body: bytes, syntax: wire.Syntax) -> list[Canary]:
    """Give every unregistered UID of the source's own top level as something that must not stay."""
    values = {e.value.strip(b" \0") for e in wire.elements(body, syntax) if e.vr == "UI"}
    split = {part for value in values for part in value.split(b"\\")}
    return [
        Canary(part.decode(), (part,), "own UID", False, "uid")
        for part in sorted(split)
        if part.count(b".") > 4 and not part.startswith(b"1.2.840.10008.")
    ]


def plant(data: bytes, charset: str = "latin", *, tail: bool = False) -> tuple[bytes, list[Canary]]:
    """Plant all canaries into a well-formed file.

    Parameters
    ----------
    data
        A file with preamble and file meta, in any uncompressed or deflated transfer syntax.
    charset
        A name of ``CHARSETS``: the file's own character set; single items have others.
    tail
        Also put bytes after the data set's end, outside any element.

    Returns
    -------
    bytes and list
        The file, and what was planted together with the file's own UIDs.
    """
    file = wire.split(data)
    p = Planter(charset, wire.syntax_of(file.transfer_syntax))
    found = old_uids(file.body, p.syntax)
    parts = {e.tag: e.raw for e in wire.elements(file.body, p.syntax) if not e.tag >> 16 & 1}
    parts[0x00080005] = p.element(0x00080005, "CS", CHARSETS[charset][0].encode())
    for tag, vr, kind, technical, place in table():
        parts[tag] = p.element(tag, vr, p.value(kind, place, technical=technical))
    makers: tuple[Callable[[Planter], Parts], ...] = (sequences, private, graphics, content)
    for make in makers:
        parts |= make(p)
    file = meta(p, file._replace(body=b"".join(parts[tag] for tag in sorted(parts))))
    ending = p.text("bytes after the end") if tail else b""
    planted = wire.join(file, tail=ending)
    kept = leftovers(planted, found)
    return planted, p.canaries + kept


def plant_bits(data: bytes) -> tuple[bytes, list[Canary]]:
    """Plant an overlay into bit 12 and up of native 16-bit pixels with 12 bits stored, little endian."""
    import numpy as np

    file = wire.split(data)
    p = Planter()
    parts = {e.tag: e for e in wire.elements(file.body)}
    words = np.frombuffer(parts[0x7FE00010].value, "<u2") & 0x0FFF
    for bit, group in ((12, 0x6000), (15, 0x6002)):
        flat = np.unpackbits(np.frombuffer(p.text(f"overlay in bit {bit}"), np.uint8), bitorder="little")
        words[: len(flat)] |= flat.astype("<u2") << bit
        for number, vr, value in ((0x10, "US", 64), (0x11, "US", 64), (0x100, "US", 16), (0x102, "US", bit)):
            tag = group << 16 | number
            parts[tag] = wire.Element(tag, vr, p.element(tag, vr, US.pack(value)), b"")
    for tag, value in ((0x00280101, 12), (0x00280102, 11)):
        parts[tag] = wire.Element(tag, "US", p.element(tag, "US", US.pack(value)), b"")
    parts[0x7FE00010] = wire.Element(0x7FE00010, "OW", p.element(0x7FE00010, "OW", words.tobytes()), b"")
    body = b"".join(parts[tag].raw for tag in sorted(parts))
    return wire.join(file._replace(body=body)), p.canaries


def plant_segment(data: bytes, text: bytes, *, marker: int = 0xFE) -> bytes:
    """Put a JPEG comment (``FE``) or application (``E0`` to ``EF``) segment after the first start of image."""
    at = data.index(b"\xff\xd8\xff", data.index(b"\xe0\x7f\x10\x00"))
    segment = b"\xff" + bytes([marker]) + struct.pack(">H", len(text) + 2) + text
    segment += b"" if len(segment) % 2 == 0 else b"\xff"
    start = at - 8
    length = struct.unpack_from("<I", data, start + 4)[0] + len(segment)
    return data[: start + 4] + struct.pack("<I", length) + data[at : at + 2] + segment + data[at + 2 :]
