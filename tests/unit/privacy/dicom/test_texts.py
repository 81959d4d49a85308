"""Every text of a data set is read, at every depth, in its own character set."""

from __future__ import annotations

import io

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.filereader import read_dataset

from medcli.privacy.dicom.encoding import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Damaged, Encoding, Odd
from medcli.privacy.dicom.texts import texts
from tests.privacy import build, wire

SYNTAX = {
    IMPLICIT_LE: wire.Syntax(implicit=True),
    EXPLICIT_LE: wire.PLAIN,
    EXPLICIT_BE: wire.Syntax(little=False),
}


def read(data: bytes, encoding: Encoding = EXPLICIT_LE) -> list[str]:
    return [text.strip("\0 ") for text in texts(data, 0, len(data), encoding)]


@pytest.mark.parametrize("encoding", SYNTAX)
@pytest.mark.parametrize("undefined", [False, True])
def test_items_are_read_at_any_depth(encoding: Encoding, undefined: bool):
    layout = SYNTAX[encoding]
    leaf = wire.element(0x00081030, "LO", "deep", layout)
    for _ in range(6):
        leaf = wire.sequence(0x00081199, [b"", leaf, leaf[:0]], layout, undefined=undefined)
    data = (
        wire.element(0x00080060, "CS", "CT", layout)
        + leaf
        + wire.element(0x00081030 + 1, "LO", "end", layout)
    )
    assert read(data, encoding)[:2] == ["CT", "deep"]


@pytest.mark.parametrize("undefined", [False, True])
def test_un_is_looked_into(undefined: bool):
    implicit = wire.Syntax(implicit=True)
    items = wire.sequence(
        0x00081199, [wire.element(0x00081030, "LO", "hidden", implicit)], implicit, undefined=undefined
    )[8:]
    raw = wire.head(0x00091010, "UN", wire.UNDEFINED if undefined else len(items)) + items
    assert "hidden" in read(raw)


def test_each_item_has_its_own_character_set():
    own = wire.element(0x00080005, "CS", "ISO_IR 144") + wire.element(
        0x00081030, "LO", "Иван".encode("iso8859-5")
    )
    outer = wire.element(0x00081030, "LO", "Jürgen".encode("latin-1"))
    data = (
        wire.element(0x00080005, "CS", "ISO_IR 100")
        + wire.sequence(0x00081110, [own, outer])
        + wire.element(0x00104000, "LT", "Müller".encode("latin-1"))
    )
    assert read(data) == ["ISO_IR 100", "ISO_IR 144", "Иван", "Jürgen", "Müller"]


def test_marks_and_numbers_are_not_read():
    data = (
        wire.element(0x00120062, "CS", "YES")
        + wire.element(0x00120063, "LO", "medcli")
        + wire.element(0x00180050, "DS", "1.5")
        + wire.element(0x00280010, "US", b"ab")
        + wire.element(0x00281201, "OW", b"abcd")
    )
    assert read(data) == []


def test_fragments_are_passed_over():
    data = wire.fragments(0x7FE00010, [b"Mustermann", b"x"])
    assert read(data) == []


def test_every_text_that_pydicom_knows_is_read():
    data = wire.split(build.full_ct()).body
    found = read(data)
    ds = read_dataset(io.BytesIO(data), is_implicit_VR=False, is_little_endian=True)
    known = [
        element
        for element in ds.iterall()
        if element.VR in ("LO", "SH", "PN", "ST", "LT", "CS") and element.value and element.VM == 1
    ]
    assert len(known) > 20
    assert {str(element.value).strip() for element in known} - set(found) == set()
    assert isinstance(ds, pydicom.Dataset)


@given(st.sampled_from(list(SYNTAX)), st.binary(max_size=120))
def test_any_bytes_end(encoding: Encoding, data: bytes):
    try:
        assert all(isinstance(text, str) for text in texts(data, 0, len(data), encoding))
    except (Damaged, Odd):
        return


def test_hostile_nesting_ends_soon():
    opening = wire.head(0x00081199, "SQ", wire.UNDEFINED) + wire.head(wire.ITEM, "", wire.UNDEFINED)
    closing = wire.head(wire.ITEM_END, "", 0) + wire.head(wire.SEQUENCE_END, "", 0)
    data = opening * 40 + wire.element(0x00081030, "LO", "deep") + closing * 40
    assert read(data) == ["deep"]
    with pytest.raises(Damaged):
        read(opening * 5000)
