"""Pixel Data as far as headers tell."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.privacy import profiles
from medcli.privacy.dicom import pixels
from medcli.privacy.dicom.encoding import EXPLICIT_BE, EXPLICIT_LE, Encoding
from medcli.privacy.dicom.pixels import Masked, embedded_overlay, expected_length, may_show_text
from medcli.privacy.dicom.walk import Element
from tests.unit.privacy.dicom.samples import CT, MR

SIZES = {8: "B", 16: "H", 32: "I"}
shapes = st.sampled_from([8, 16, 32]).flatmap(
    lambda allocated: st.integers(1, allocated).flatmap(
        lambda stored: st.tuples(st.just(allocated), st.just(stored), st.integers(stored - 1, allocated - 1))
    )
)


@given(shapes, st.booleans(), st.booleans(), st.binary(max_size=64), st.integers(0, 9))
def test_bits_outside_the_stored_ones_are_cleared_and_no_other(
    shape: tuple[int, int, int], signed: bool, little: bool, data: bytes, start: int
):
    allocated, stored, high = shape
    masked = Masked(min(start, len(data)), len(data), allocated, stored, high, signed, little)
    result = b"".join(masked.chunks(data))
    source = data[masked.start :]
    assert len(result) == len(source)
    width = allocated // 8
    whole = len(source) // width * width
    order = "<" if little else ">"
    old = struct.unpack(f"{order}{whole // width}{SIZES[allocated]}", source[:whole])
    new = struct.unpack(f"{order}{whole // width}{SIZES[allocated]}", result[:whole])
    low = high - stored + 1
    used = ((1 << stored) - 1) << low
    above = ((1 << allocated) - 1) & ~((1 << (high + 1)) - 1)
    for before, after in zip(old, new, strict=True):
        assert after & used == before & used
        negative = signed and before >> high & 1
        assert after & ~used == (above if negative else 0)  # the sign goes on, nothing else stands there


def test_masking_goes_in_pieces(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pixels, "CHUNK", 8)
    data = bytes(range(256)) * 2
    pieces = list(Masked(2, 510, 16, 12, 11, signed=False, little=True).chunks(data))
    assert len(pieces) == 64
    whole = b"".join(Masked(2, 510, 16, 12, 11, signed=False, little=True).chunks(data))
    assert b"".join(pieces) == whole
    assert len(whole) == 508


ROWS, COLUMNS, SAMPLES, FRAMES, ALLOCATED, STORED, HIGH = (
    0x00280010,
    0x00280011,
    0x00280002,
    0x00280008,
    0x00280100,
    0x00280101,
    0x00280102,
)


@pytest.mark.parametrize(
    ("numbers", "photometric", "length"),
    [
        ({ROWS: 8, COLUMNS: 8, ALLOCATED: 16}, "MONOCHROME2", 128),
        ({ROWS: 8, COLUMNS: 8, ALLOCATED: 16, FRAMES: 3}, "MONOCHROME2", 384),
        ({ROWS: 8, COLUMNS: 8, ALLOCATED: 16, FRAMES: 0}, "MONOCHROME2", 128),
        ({ROWS: 8, COLUMNS: 8, ALLOCATED: 8, SAMPLES: 3}, "RGB", 192),
        ({ROWS: 8, COLUMNS: 8, ALLOCATED: 8, SAMPLES: 3}, "YBR_FULL_422", 128),
        ({ROWS: 3, COLUMNS: 5, ALLOCATED: 1}, "MONOCHROME2", 2),
        ({ROWS: 3, COLUMNS: 5, ALLOCATED: 1, FRAMES: 9}, "MONOCHROME2", 17),
        ({ROWS: 65535, COLUMNS: 65535, ALLOCATED: 16, FRAMES: 1000}, "", 65535 * 65535 * 2000),
        ({COLUMNS: 8, ALLOCATED: 16}, "MONOCHROME2", None),
        ({ROWS: 8, ALLOCATED: 16}, "MONOCHROME2", None),
        ({ROWS: 8, COLUMNS: 8}, "MONOCHROME2", None),
        ({}, "", None),
    ],
)
def test_the_expected_length(numbers: dict[int, int], photometric: str, length: int | None):
    assert expected_length(numbers, photometric) == length


def overlay(encoding: Encoding, position: int | None, *, group: int = 0x6000, data: bool = False) -> bool:
    """Whether a plane at a bit `position` of pixels with 12 of 16 bits stored, right aligned, is embedded."""
    return _embedded(encoding, position, {ALLOCATED: 16, STORED: 12, HIGH: 11}, group, data=data)


def _embedded(
    encoding: Encoding,
    position: int | None,
    numbers: dict[int, int],
    group: int = 0x6000,
    *,
    data: bool = False,
) -> bool:
    raw = struct.pack(encoding.order + "H", position or 0)
    found = [Element(3, group << 16 | 0x10, b"US", 0, 0, 0)]
    if position is not None:
        found.append(Element(3, group << 16 | 0x102, b"US", 0, 0, 2))
    if data:
        found.append(Element(3, group << 16 | 0x3000, b"OW", 0, 0, 0))
    return embedded_overlay(found, raw, encoding, numbers)


@pytest.mark.parametrize("encoding", [EXPLICIT_LE, EXPLICIT_BE])
@pytest.mark.parametrize("group", [0x6000, 0x6002, 0x601E])
def test_an_overlay_without_data_lies_in_the_pixels(encoding: Encoding, group: int):
    assert overlay(encoding, 12, group=group)
    assert overlay(encoding, 15, group=group)
    assert overlay(encoding, None, group=group)
    assert overlay(encoding, 12, group=group, data=True)
    assert not overlay(encoding, 0, group=group, data=True)
    assert not overlay(encoding, None, group=group, data=True)


def test_an_overlay_below_left_aligned_pixels_is_seen():
    for position in range(4):
        assert _embedded(EXPLICIT_LE, position, {ALLOCATED: 16, STORED: 12, HIGH: 15})


def test_without_unused_bits_there_is_no_embedded_overlay():
    assert not _embedded(EXPLICIT_LE, 15, {ALLOCATED: 16, STORED: 16, HIGH: 15})
    assert not embedded_overlay([], b"", EXPLICIT_LE, {ALLOCATED: 16, STORED: 12})
    assert not embedded_overlay(
        [Element(3, 0x50000010, b"US", 0, 0, 0)], b"", EXPLICIT_LE, {ALLOCATED: 16, STORED: 12}
    )


US, SC, DX = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.1.1"


@pytest.mark.parametrize(
    ("sop_class", "texts"),
    [
        (CT, {0x00280301: "YES"}),
        (CT, {0x00280301: " yes "}),
        (US, {}),
        (SC, {0x00280301: "NO"}),
        (CT, {0x00080008: "DERIVED\\SECONDARY\\SCREEN SAVE"}),
        (CT, {0x00080060: "US"}),
        (CT, {0x00080060: "us "}),
        (CT, {0x00080064: "SD"}),
    ],
)
def test_pixels_that_may_show_text_have_a_reason(sop_class: str, texts: dict[int, str]):
    assert may_show_text(sop_class, "1.2.840.10008.1.2.1", texts)


@pytest.mark.parametrize("sop_class", [CT, MR, DX])
def test_pixels_of_a_detector_have_none(sop_class: str):
    texts = {0x00280301: "NO", 0x00080008: "ORIGINAL\\PRIMARY\\AXIAL", 0x00080060: "CT", 0x00080064: ""}
    assert may_show_text(sop_class, "1.2.840.10008.1.2.1", texts) == ""


def test_video_is_not_examined():
    assert may_show_text(CT, "1.2.840.10008.1.2.4.102", {}) == "video"


def test_every_row_of_the_list_is_reached():
    for (kind, value), reason in profiles.burned_in().items():
        if kind == "sop_class":
            assert may_show_text(value, "", {}) == reason
        elif kind == "modality":
            assert may_show_text(CT, "", {0x00080060: value}) == reason
        elif kind == "conversion_type":
            assert may_show_text(CT, "", {0x00080064: value}) == reason
        elif kind == "image_type":
            assert may_show_text(CT, "", {0x00080008: f"DERIVED\\SECONDARY\\{value.lower()}"})
        elif kind == "colour":
            assert may_show_text(value, "", {}, colour=True)
        else:
            assert kind == "audio"
            assert pixels.is_speech(value)
    assert not pixels.is_speech(CT)
