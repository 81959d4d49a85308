"""Makes the sets of files that are measured, all from real small files that pydicom installs.

Knows the shapes of the sets. Refuses to keep them: a caller gives the folder and removes it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from tests.privacy import build, wire

INSTITUTION = b"St. Mary's Hospital, Radiology"
MULTIFRAME = "1.2.840.10008.5.1.4.1.1.7.4"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"


def small(folder: Path, count: int) -> Path:
    """CT and MR of 64 x 64 and 128 x 128 pixels by turns, 20 patients, 50 slices a series."""
    ct = build.sample("CT_small.dcm")
    mr = build.change(build.sample("MR_small.dcm"), {0x00080080: ("LO", INSTITUTION)})
    return _set(folder, count, (mr, ct))


def large(folder: Path, count: int) -> Path:
    """CT of 512 x 512 pixels, 16 bits."""
    return _set(folder, count, (build.large_ct(),))


def tiny(folder: Path, count: int) -> Path:
    """Reports of some hundred bytes without pixels, 1,000 to a folder."""
    head = {
        0x00020002: ("UI", TEXT_SR.encode()),
        0x00080016: ("UI", TEXT_SR.encode()),
        0x00080060: ("CS", b"SR"),
    }
    file = wire.split(build.change(build.sample("CT_small.dcm"), head))
    kept = {0x00080016, 0x00080018, 0x00080020, 0x00080060, 0x00100010, 0x00100020, 0x0020000D, 0x0020000E}
    body = b"".join(each.raw for each in wire.elements(file.body) if each.tag in kept)
    data = wire.join(file._replace(body=body))
    for start in range(0, count, 1000):
        _set(folder / f"{start // 1000:04d}", min(1000, count - start), (data,), start)
    return folder


def _set(folder: Path, count: int, data: tuple[bytes, ...], start: int = 0) -> Path:
    """Write files with UIDs and identities of their own under names that look like patients'."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        path = folder / f"Testfall{number // 50 % 20:03d}_Anna_{number:06d}.dcm"
        path.write_bytes(build.renamed(data[number % len(data)], number))
    return folder


def one(folder: Path, data: bytes) -> Path:
    """A folder that holds one file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ct.dcm").write_bytes(data)
    return folder


def native(path: Path, size: int) -> Path:
    """A multi-frame object of unchanged native pixels, a hole of `size` bytes in the file."""
    return build.sparse(path, size)


def encapsulated(path: Path, size: int, fragment: int = 16 << 10) -> Path:
    """A multi-frame object of JPEG frames, each a fragment of its own; a hole inside each."""
    frames = size // fragment
    short = struct.Struct("<H").pack
    file = wire.split(
        build.change(
            build.sample("CT_small.dcm"),
            {
                0x00020002: ("UI", MULTIFRAME.encode()),
                0x00020010: ("UI", JPEG_BASELINE.encode()),
                0x00080016: ("UI", MULTIFRAME.encode()),
                0x00280002: ("US", short(3)),
                0x00280004: ("CS", b"YBR_FULL_422"),
                0x00280008: ("IS", str(frames).encode()),
                0x00280100: ("US", short(8)),
                0x00280101: ("US", short(8)),
                0x00280102: ("US", short(7)),
                0x7FE00010: None,
                0xFFFCFFFC: None,
            },
        )
    )
    with path.open("wb") as out:
        out.write(wire.join(file._replace(transfer_syntax=JPEG_BASELINE)))
        out.write(wire.head(0x7FE00010, "OB", wire.UNDEFINED) + wire.item(b""))
        for piece in _fragments(frames, fragment):
            if isinstance(piece, bytes):
                out.write(piece)
            else:
                out.seek(piece, 1)
        out.write(wire.head(wire.SEQUENCE_END, "", 0))
    return path


def _fragments(count: int, size: int) -> Iterator[bytes | int]:
    """Bytes to write, and lengths of holes to leave."""
    start = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0?\0"
    for _ in range(count):
        yield wire.head(wire.ITEM, "", size) + start
        yield size - len(start) - 2
        yield b"\xff\xd9"
