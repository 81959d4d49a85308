"""Overlay planes in unused bits of the pixels are cleared, and the pixels are not touched."""

from __future__ import annotations

import struct

import pytest

from tests.privacy import wire
from tests.unit.privacy.dicom.samples import (
    CT,
    Scrub,
    by_hand,
    ct,
    gone,
    part10,
    with_overlay,
    withheld,
)

SHAPE = {8: ("B", "OB"), 16: ("H", "OW"), 32: ("I", "OW")}


@pytest.mark.parametrize("syntax", [wire.EXPLICIT, wire.IMPLICIT, wire.BIG, wire.DEFLATED])
@pytest.mark.parametrize("allocated", SHAPE)
@pytest.mark.parametrize("signed", [0, 1])
def test_embedded_overlays_are_cleared_and_pixels_are_not(
    scrub: Scrub, syntax: str, allocated: int, signed: int
):
    stored = allocated - 3
    letter, vr = SHAPE[allocated]
    layout = wire.syntax_of(syntax)
    order = "<" if layout.little else ">"
    sign = 1 << (stored - 1)
    values = [
        (number * 7 - 90) % (1 << stored) if signed else number * 5 % (1 << stored) for number in range(64)
    ]
    drawn = [value | (1 << (allocated - 1)) * (number % 2) for number, value in enumerate(values)]
    two = struct.Struct(order + "H").pack
    elements = {
        0x00280002: wire.element(0x00280002, "US", two(1), layout),
        0x00280010: wire.element(0x00280010, "US", two(8), layout),
        0x00280011: wire.element(0x00280011, "US", two(8), layout),
        0x00280100: wire.element(0x00280100, "US", two(allocated), layout),
        0x00280101: wire.element(0x00280101, "US", two(stored), layout),
        0x00280102: wire.element(0x00280102, "US", two(stored - 1), layout),
        0x00280103: wire.element(0x00280103, "US", two(signed), layout),
        0x60000010: wire.element(0x60000010, "US", two(8), layout),
        0x60000022: wire.element(0x60000022, "LO", "Mustermann", layout),
        0x60000102: wire.element(0x60000102, "US", two(allocated - 1), layout),
        0x7FE00010: wire.element(0x7FE00010, vr, struct.pack(f"{order}64{letter}", *drawn), layout),
    }
    body = wire.split(by_hand(elements, sop_class=CT, syntax=layout)).body
    outcome = scrub(part10(body, syntax))
    assert outcome.result.status == "released"
    assert not [tag for tag in outcome.ds.keys() if tag.group == 0x6000]  # noqa: SIM118 - a Dataset iterates elements
    found = struct.unpack(f"{order}64{letter}", outcome.ds.PixelData)
    above = ((1 << allocated) - 1) ^ ((1 << stored) - 1)
    assert list(found) == [value | (above if signed and value & sign else 0) for value in values]


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"]
)
def test_an_overlay_in_compressed_pixels_is_withheld(scrub: Scrub, syntax: str):
    withheld(scrub(with_overlay(syntax)), "overlay-in-compressed-pixels")


@pytest.mark.parametrize("numbers", [(16, 12, 3), (16, 12, 200), (24, 12, 11), (12, 8, 7)])
def test_an_overlay_in_unusual_pixels_is_withheld(scrub: Scrub, numbers: tuple[int, int, int]):
    allocated, stored, high = numbers
    source = with_overlay(BitsAllocated=allocated, BitsStored=stored, HighBit=high)
    assert scrub(source).result.reason in ("overlay-in-unusual-pixels", "pixel-length")


@pytest.mark.parametrize("vr", ["SS", "UL", "SL"])
@pytest.mark.parametrize("syntax", [wire.EXPLICIT, wire.BIG])
def test_wrong_vrs_hide_no_overlay(scrub: Scrub, vr: str, syntax: str):
    layout = wire.syntax_of(syntax)
    order = "<" if layout.little else ">"
    drawn = struct.pack(order + "64H", *[0x8000 | number for number in range(64)])
    width = {"SS": "h", "UL": "I", "SL": "i"}[vr]
    elements = {
        tag: wire.element(tag, vr, struct.pack(order + width, value), layout)
        for tag, value in (
            (0x00280010, 8),
            (0x00280011, 8),
            (0x00280100, 16),
            (0x00280101, 12),
            (0x00280102, 11),
            (0x00280103, 0),
        )
    }
    elements[0x60000010] = wire.element(0x60000010, "US", struct.pack(order + "H", 8), layout)
    elements[0x60000102] = wire.element(0x60000102, "US", struct.pack(order + "H", 15), layout)
    elements[0x7FE00010] = wire.element(0x7FE00010, "OW", drawn, layout)
    outcome = scrub(by_hand(elements, sop_class=CT, syntax=layout))
    assert outcome.result.status == "withheld" or struct.unpack(order + "64H", outcome.ds.PixelData) == tuple(
        range(64)
    )


def test_an_overlay_with_data_of_its_own_leaves_the_pixels_alone(scrub: Scrub):
    ds = ct(PixelData=struct.pack("<64H", *[0xF000 | number for number in range(64)]))
    ds.add_new(0x60000010, "US", 8)
    ds.add_new(0x60003000, "OW", b"Mustermann  ")
    outcome = scrub(ds)
    assert outcome.ds.PixelData == ds.PixelData
    gone(outcome)
