"""Makes sets of test files from the real ones that pydicom installs: many small ones, large ones, odd ones.

Knows how a file can be unusual and still arrive in practice. Refuses to know what should become of it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from tests.privacy import recode, wire

ROOT = "1.2.826.0.1.3680043.8.498.1"
MULTIFRAME = "1.2.840.10008.5.1.4.1.1.7.3"


@cache
def sample(name: str) -> bytes:
    """Read one of pydicom's installed test files."""
    from pydicom.data import get_testdata_file

    path = get_testdata_file(name, download=False)
    if path is None:
        raise FileNotFoundError(name)
    return Path(str(path)).read_bytes()


def change(data: bytes, values: Mapping[int, tuple[str, bytes] | None]) -> bytes:
    """Set or remove (None) top-level elements of a file, in its own encoding; group 2 goes to the file meta."""
    file = wire.split(data)
    syntax = wire.syntax_of(file.transfer_syntax)
    meta = {each.tag: each.raw for each in file.meta}
    body = {each.tag: each.raw for each in wire.elements(file.body, syntax)}
    for tag, new in values.items():
        home, how = (meta, wire.PLAIN) if tag >> 16 == 2 else (body, syntax)
        home.pop(tag, None)
        if new is not None:
            home[tag] = wire.element(tag, new[0], new[1], how)
    whole = b"".join(meta[tag] for tag in sorted(meta))
    rest = b"".join(body[tag] for tag in sorted(body))
    return wire.join(file._replace(meta=tuple(wire.elements(whole)), body=rest))


def renamed(data: bytes, number: int, *, patients: int = 20, slices: int = 50) -> bytes:
    """Give a file new UIDs and one of ``patients`` identities, by its number in a set."""
    series, patient = number // slices, number // slices % patients
    sop = f"{ROOT}.{patient}.{series}.{number}".encode()
    return change(
        data,
        {
            0x00020003: ("UI", sop),
            0x00080018: ("UI", sop),
            0x0020000D: ("UI", f"{ROOT}.{patient}".encode()),
            0x0020000E: ("UI", f"{ROOT}.{patient}.{series}".encode()),
            0x00100010: ("PN", f"Testfall{patient:03d}^Anna".encode()),
            0x00100020: ("LO", f"MRN{patient:06d}".encode()),
        },
    )


def small_set(folder: Path, count: int) -> list[Path]:
    """Write ``count`` files, CT and MR by turns, under names that look like patients'."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        data = renamed(sample("CT_small.dcm" if number % 2 else "MR_small.dcm"), number)
        paths.append(folder / f"Testfall{number // 50 % 20:03d}_Anna_{number:06d}.dcm")
        paths[-1].write_bytes(data)
    return paths


def full_ct() -> bytes:
    """Make a CT of 108 public attributes: the small CT with what pydicom's other CTs have beside it."""
    double = struct.Struct("<d").pack
    technical = {
        0x00080061: ("CS", b"CT"),
        0x00180015: ("CS", b"CHEST"),
        0x00181140: ("CS", b"CW"),
        0x00181170: ("IS", b"23800"),
        **{tag: ("FD", double(0.625 * tag % 7)) for tag in range(0x00189305, 0x00189308)},
        **{tag: ("FD", double(38.4)) for tag in (0x00189309, 0x00189310, 0x00189311)},
        0x00189323: ("CS", b"XYZ_EC"),
        0x00189324: ("FD", double(27.4)),
        0x00189345: ("FD", double(29.7)),
        0x00200020: ("CS", b"L\\PF"),
        0x00280301: ("CS", b"NO"),
        0x00281054: ("LO", b"HU"),
        0x00281055: ("LO", b"WINDOW1\\WINDOW2"),
    }
    telling = {
        0x0008103E: ("LO", b"Head 2 mm"),
        0x00081050: ("PN", b"Smith^John"),
        0x00081060: ("PN", b"Smith^John"),
        0x00081070: ("PN", b"Jones^Molly"),
        0x00100021: ("LO", b"VIZYON"),
        0x00101020: ("DS", b"1.6"),
        0x00181000: ("LO", b"700006008"),
        0x00181030: ("LO", b"194"),
        0x00321033: ("LO", b"177"),
        0x00400244: ("DA", b"19950903"),
        0x00400245: ("TM", b"173032"),
        0x00400254: ("LO", b"CT, HEAD/BRAIN WO CONT"),
    }
    return change(sample("CT_small.dcm"), technical | telling)


def large_ct() -> bytes:
    """Make a 512 x 512 image of 16 bits from the small CT, its pixels repeated."""
    pixels = next(
        e.value for e in wire.elements(wire.split(sample("CT_small.dcm")).body) if e.tag == 0x7FE00010
    )
    rows = b"".join(pixels[at : at + 256] * 4 for at in range(0, len(pixels), 256)) * 4
    size = struct.pack("<H", 512)
    return change(
        sample("CT_small.dcm"), {0x00280010: ("US", size), 0x00280011: ("US", size), 0x7FE00010: ("OW", rows)}
    )


def sparse(path: Path, size: int = 2 << 30) -> Path:
    """Write a multi-frame object whose pixels are a hole of ``size`` bytes in the file (at most 4 GiB - 2)."""
    frames = size // (1024 * 1024)
    two = struct.Struct("<H").pack
    data = change(
        sample("CT_small.dcm"),
        {
            0x00020002: ("UI", MULTIFRAME.encode()),
            0x00080016: ("UI", MULTIFRAME.encode()),
            0x00280008: ("IS", str(frames).encode()),
            0x00280010: ("US", two(1024)),
            0x00280011: ("US", two(512)),
            0x7FE00010: None,
            0xFFFCFFFC: None,
        },
    )
    with path.open("wb") as out:
        out.write(data + wire.head(0x7FE00010, "OW", frames * 1024 * 1024))
        out.truncate(out.tell() + frames * 1024 * 1024)
    return path


def variants() -> Iterator[tuple[str, bytes]]:
    """Give one small CT in every well-formed encoding, by name."""
    ct = sample("CT_small.dcm")
    yield "explicit", ct
    yield "implicit", recode.recode(ct, wire.IMPLICIT)
    yield "big-endian", recode.recode(ct, wire.BIG)
    yield "deflated", recode.recode(ct, wire.DEFLATED)
    yield "explicit-undefined", recode.recode(ct, wire.EXPLICIT, undefined=True)
    yield "implicit-undefined", recode.recode(ct, wire.IMPLICIT, undefined=True)
    yield "big-endian-undefined", recode.recode(ct, wire.BIG, undefined=True)
    yield "rle", recode.rle(ct)
    j2k = "1.2.840.10008.1.2.4.90"
    stream = b"\xff\x4f\xff\x51" + bytes(range(7, 200)) * 20 + b"\xff\xd9"
    yield "one-fragment", recode.encapsulate(ct, j2k, [stream])
    yield (
        "many-fragments",
        recode.encapsulate(ct, j2k, [stream[at : at + 501] for at in range(0, len(stream), 501)]),
    )
    yield "offset-table", recode.encapsulate(ct, j2k, [stream], table=b"\0\0\0\0")
    yield "empty-fragment", recode.encapsulate(ct, j2k, [stream, b""])


def oddities() -> Iterator[tuple[str, bytes]]:
    """Give files as they should not be and are, by name."""
    ct = sample("CT_small.dcm")
    file = wire.split(ct)
    yield "no-preamble", ct[132:]
    yield "no-meta", file.body
    yield "no-meta-implicit", wire.split(recode.recode(ct, wire.IMPLICIT)).body
    yield "preamble-no-meta", ct[:132] + file.body
    yield "empty", b""
    yield "short", ct[:100]
    yield "prefix-only", ct[:132]
    yield "meta-only", wire.join(file._replace(body=b""))
    yield "truncated-header", ct[:3000]
    yield "truncated-pixels", ct[: len(ct) - 5000]
    yield "tail", ct + b"Doe^Jane" * 5
    yield "zero-tail", ct + b"\0" * 512
    yield "wrong-vr", change(ct, {0x00180050: ("LO", b"5.000"), 0x00280010: ("SS", struct.pack("<h", 128))})
    yield "no-sop-class", change(ct, {0x00080016: None})
    yield "no-sop-instance", change(ct, {0x00080018: None})
    yield (
        "unknown-syntax",
        change(ct, {0x00020010: ("UI", b"1.2.3.4.5")}).replace(
            b"1.2.840.10008.1.2.1\0", b"1.2.3.4.5.6.7.8.9.1\0", 1
        ),
    )
    odd = wire.element(0x00081030, "LO", b"odd", pad=False) + wire.element(
        0x00181210, "SH", b"Abc", pad=False
    )
    parts = {e.tag: e.raw for e in wire.elements(file.body)} | {0x00081030: odd[:11], 0x00181210: odd[11:]}
    yield "odd-length", wire.join(file._replace(body=b"".join(parts[tag] for tag in sorted(parts))))
    raws = [e.raw for e in wire.elements(file.body)]
    yield "unordered", wire.join(file._replace(body=b"".join(raws[5:20] + raws[:5] + raws[20:])))
    yield "duplicated", wire.join(file._replace(body=b"".join(raws[:20] + raws[10:20] + raws[20:])))
    empty = wire.sequence(0x00082218, [b"", b""]) + wire.sequence(0x00082228, [])
    parts = {e.tag: e.raw for e in wire.elements(file.body)} | {0x00082218: empty}
    yield "empty-items", wire.join(file._replace(body=b"".join(parts[tag] for tag in sorted(parts))))


def dicomdir_tree() -> Path:
    """Give the folder of pydicom's small DICOMDIR tree (read only; copy it before use)."""
    from pydicom.data import get_testdata_file

    path = get_testdata_file("DICOMDIR", download=False)
    return Path(str(path)).parent
