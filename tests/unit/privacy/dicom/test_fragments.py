"""Which bytes of encapsulated pixel data may be text."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.privacy.dicom.fragments import fragments, readable
from tests.privacy import wire

NOISE = bytes(range(1, 200)) * 5  # holds no 0xff
SAMPLES = NOISE + b"\xff\x00" + NOISE + b"\xff\xd3" + NOISE
SOI, EOI, SOS, SOC, SOD = b"\xff\xd8", b"\xff\xd9", b"\xff\xda\0\x08\1\1\0\0\x3f\0", b"\xff\x4f", b"\xff\x93"


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def text_of(*parts: bytes, table: bytes = b"") -> bytes:
    whole = wire.fragments(0x7FE00010, parts, table=table)
    return b"\n".join(readable(whole, 12, len(whole)))


JPEG = segment(0xDB, bytes(65)) + segment(0xC0, bytes(15)) + segment(0xC4, bytes(30))


@pytest.mark.parametrize("marker", [0xFE, 0xE0, 0xE1, 0xED, 0xEF])
def test_comments_and_application_segments_of_jpeg_are_text(marker: int):
    stream = SOI + segment(marker, b"Mustermann") + JPEG + SOS + SAMPLES + EOI
    found = text_of(stream)
    assert b"Mustermann" in found
    assert NOISE not in found
    assert b"\xff\x00" not in found


def test_a_comment_of_jpeg_2000_is_text():
    stream = SOC + segment(0x51, bytes(36)) + segment(0x64, b"\0\1Mustermann") + segment(0x90, bytes(8))
    found = text_of(stream + SOD + NOISE + EOI)
    assert b"Mustermann" in found
    assert NOISE not in found


def test_a_comment_between_two_scans_is_text():
    stream = SOI + JPEG + SOS + SAMPLES + segment(0xFE, b"Muster") + segment(0xC4, b"") + SOS + SAMPLES + EOI
    found = text_of(stream)
    assert b"Muster" in found
    assert NOISE not in found


def test_a_comment_in_the_header_of_a_later_tile_part_is_text():
    part = segment(0x90, bytes(8))
    stream = SOC + part + SOD + NOISE + part + segment(0x64, b"\0\1Muster") + SOD + NOISE + EOI
    found = text_of(stream)
    assert b"Muster" in found
    assert NOISE not in found


def test_a_comment_in_a_later_fragment_of_a_frame_is_text():
    assert b"Muster" in text_of(
        SOI + JPEG + SOS + SAMPLES, NOISE + segment(0xFE, b"Muster") + SOS + SAMPLES + EOI
    )


def test_what_stands_behind_the_end_of_the_image_is_text():
    found = text_of(SOI + JPEG + SOS + SAMPLES + EOI + b"Mustermann", SOI + SOS + SAMPLES + EOI + b"\0")
    assert b"Mustermann" in found
    assert NOISE not in found


def test_every_fragment_is_looked_at():
    stream = SOI + segment(0xFE, b"Frame %d") + SOS + SAMPLES + EOI
    found = text_of(*(stream.replace(b"%d", b"%02d" % number) for number in range(5)), table=bytes(20))
    assert [b"Frame %02d" % number in found for number in range(5)] == [True] * 5


def test_run_lengths_are_no_text():
    header = struct.pack("<16I", 1, 64, *[0] * 14)
    found = text_of(header + b"\xff\xfe\0\x40" * 30 + NOISE)
    assert NOISE not in found
    assert b"\xff\xfe" not in found


def test_fragments_lie_where_their_items_say():
    whole = wire.fragments(0x7FE00010, [b"ab", b"cdef", b""], table=b"\0\0\0\0")
    found = [whole[start:stop] for start, stop in fragments(whole, 12, len(whole))]
    assert found == [b"\0\0\0\0", b"ab", b"cdef", b""]


@pytest.mark.parametrize("length", [0, 1, 2, 40, 0xFFFF])
def test_a_segment_whose_length_lies_does_not_run_away(length: int):
    stream = SOI + b"\xff\xfe" + struct.pack(">H", length) + b"Muster" + NOISE
    assert b"Muster" in text_of(stream) or length < 10


@given(st.lists(st.binary(max_size=80), max_size=4))
def test_any_bytes_are_read_to_their_end(parts: list[bytes]):
    whole = wire.fragments(0x7FE00010, parts)
    found = b"".join(readable(whole, 12, len(whole)))
    assert set(found) <= set(whole)
    assert len(found) <= 3 * len(whole)


markers = st.sampled_from(
    [b"\xff\xd8", b"\xff\x4f", b"\xff\xfe", b"\xff\x90\0\x0a", b"\xff", b"\xff\xd9", b"\xff\xda", b"\0\4"]
)


@given(st.lists(st.lists(st.one_of(markers, st.binary(max_size=6)), max_size=12).map(b"".join), max_size=3))
def test_any_order_of_markers_ends(parts: list[bytes]):
    whole = wire.fragments(0x7FE00010, parts)
    assert sum(map(len, readable(whole, 12, len(whole)))) <= 2 * len(whole)
