"""Elements as bytes in the three encodings, and the frame around a data set."""

from __future__ import annotations

import io

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.filereader import data_element_generator, read_dataset
from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32

from medcli.privacy.dicom import encoding as enc
from medcli.privacy.dicom.encoding import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Damaged, Encoding, read_frame
from medcli.privacy.dicom.skip import header
from tests.privacy import wire
from tests.unit.privacy.dicom import samples

ENCODINGS = (IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE)
encodings = st.sampled_from(ENCODINGS)
vrs = st.sampled_from(sorted(vr.decode() for vr in enc.VRS - {b"SQ"}))
tags = st.builds(
    lambda group, element: group << 16 | element, st.integers(0x0008, 0x7FDF), st.integers(1, 0xFFFF)
).filter(lambda tag: tag != 0x00080005)  # pydicom warns of character sets that are none


def parse(data: bytes, encoding: Encoding) -> pydicom.Dataset:
    return read_dataset(io.BytesIO(data), not encoding.explicit, encoding.little)


def test_the_vrs_are_those_of_the_standard():
    assert {vr.decode() for vr in enc.LONG_VRS} == {str(vr) for vr in EXPLICIT_VR_LENGTH_32}
    assert {vr.decode() for vr in enc.SHORT_VRS} == {str(vr) for vr in EXPLICIT_VR_LENGTH_16}


@given(encodings, tags, vrs, st.binary(max_size=300))
def test_an_element_is_read_back_by_pydicom_and_by_hand(encoding: Encoding, tag: int, vr: str, value: bytes):
    data = encoding.element(tag, vr, value)
    padded = value + (b"\0" if vr in ("UI", "OB", "UN") else b" ") * (len(value) % 2)
    assert data == wire.element(tag, vr, padded, wire.Syntax(not encoding.explicit, encoding.little))
    (raw,) = data_element_generator(io.BytesIO(data), not encoding.explicit, encoding.little)
    assert (raw.tag, bytes(raw.value or b"")) == (tag, padded)
    assert (vr if encoding.explicit else None) == raw.VR
    found, found_vr, at, length = header(data, 0, len(data), encoding)
    assert (found, data[at : at + length]) == (tag, padded)
    assert found_vr == (vr.encode() if encoding.explicit else b"")


@given(encodings, st.integers(0, 0xFFFFFFFF))
def test_a_tag_is_four_bytes_and_back(encoding: Encoding, tag: int):
    assert encoding.tag(encoding.key(tag)) == tag


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_sequences_nest(encoding: Encoding):
    inner = encoding.element(0x00080100, "SH", b"T-1")
    deep = encoding.sequence(0x00081140, encoding.item(inner) + encoding.item(b""))
    ds = parse(encoding.sequence(0x00081115, encoding.item(deep)), encoding)
    assert [len(item) for item in ds[0x00081115][0][0x00081140].value] == [1, 0]
    assert ds[0x00081115][0][0x00081140][0].CodeValue == "T-1"


def test_a_value_too_long_for_its_length_is_refused():
    assert EXPLICIT_LE.element(0x00080080, "LO", bytes(0xFFFE))
    assert IMPLICIT_LE.element(0x00080080, "LO", bytes(0x10000))
    with pytest.raises(Damaged) as error:
        EXPLICIT_LE.element(0x00080080, "LO", bytes(0x10000))
    assert error.value.reason == "too-large"


def test_every_registered_transfer_syntax_has_its_encoding():
    from pydicom._uid_dict import UID_dictionary

    syntaxes = {uid for uid, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax"}
    assert len(syntaxes) > 50
    for uid in syntaxes:
        known = pydicom.uid.UID(uid)
        assert enc.encoding_of(uid) == Encoding(
            explicit=not known.is_implicit_VR, little=known.is_little_endian
        )


@pytest.mark.parametrize("uid", ["1.2.3", "", samples.CT, "1.2.840.10008.1.2.4.50 ", "ERIKA"])
def test_what_is_no_transfer_syntax_is_refused(uid: str):
    with pytest.raises(Damaged) as error:
        enc.encoding_of(uid)
    assert error.value.reason == "unknown-transfer-syntax"
    assert not uid or uid not in str(error.value)


BODIES = {
    uid: b"".join(
        wire.element(tag, "UI", value, wire.syntax_of(uid))
        for tag, value in ((0x00080016, samples.CT), (0x00080018, samples.INSTANCE))
    )
    for uid in (wire.IMPLICIT, wire.EXPLICIT, wire.BIG)
}


@pytest.mark.parametrize("uid", BODIES)
@pytest.mark.parametrize("shape", ["whole", "no preamble", "no prefix", "no meta", "nothing"])
def test_a_data_set_is_found_whatever_of_its_frame_is_missing(uid: str, shape: str):
    whole, body = samples.part10(BODIES[uid], uid), BODIES[uid]
    data = {
        "whole": whole,
        "no preamble": whole[128:],
        "no prefix": whole[132:],
        "no meta": whole[:132] + body,
        "nothing": body,
    }[shape]
    frame = read_frame(data)
    assert frame is not None
    assert (frame.syntax, data[frame.start :]) == (uid, body)
    assert frame.encoding == enc.encoding_of(uid)
    assert (0x00020003 in frame.meta) == (shape not in ("no meta", "nothing"))


@pytest.mark.parametrize("declared", BODIES)
@pytest.mark.parametrize("real", BODIES)
def test_a_transfer_syntax_that_lies_is_seen(declared: str, real: str):
    frame = read_frame(samples.part10(BODIES[real], declared))
    assert frame is not None
    assert (frame.syntax, frame.encoding) == (real, enc.encoding_of(real))


@pytest.mark.parametrize("length", [0, 1, 4, 0xFFFFFFFF, None])
def test_the_group_length_is_not_believed(length: int | None):
    data = samples.part10(BODIES[wire.EXPLICIT])
    at = data.index(b"UL\4\0") + 4
    new = b"" if length is None else length.to_bytes(4, "little")
    data = data[:at] + new + data[at + 4 :] if new else data[: at - 8] + data[at + 4 :]
    frame = read_frame(data)
    assert frame is not None
    assert data[frame.start :] == BODIES[wire.EXPLICIT]


def test_file_meta_in_implicit_vr_is_read():
    implicit = wire.Syntax(implicit=True)
    meta = wire.element(0x00020010, "UI", wire.BIG + "\0", implicit)
    frame = read_frame(bytes(128) + b"DICM" + meta + BODIES[wire.BIG])
    assert frame is not None
    assert frame.syntax == wire.BIG


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Erika Mustermann, born 1931-08-09, was seen today.",
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(200),
        b"PK\3\4" + bytes(300),
        b"%PDF-1.7\n" + b"x" * 300,
        bytes(4096),
        b"\x08\x00",
        b"\x08\x00\x16\x00" + b"\xff" * 40,
    ],
)
def test_what_is_no_dicom_has_no_frame(data: bytes):
    assert read_frame(data) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes(128) + b"DICM", "empty"),
        (samples.part10(b""), "truncated"),
        (samples.part10(BODIES[wire.EXPLICIT], "1.2.840.10008.1.2.4.9999"), "unknown-transfer-syntax"),
        (samples.part10(BODIES[wire.EXPLICIT])[:170], "truncated"),
    ],
)
def test_a_broken_frame_has_a_reason(data: bytes, reason: str):
    with pytest.raises(Damaged) as error:
        read_frame(data)
    assert error.value.reason == reason


def test_a_frame_cut_anywhere_is_damaged_or_none_or_shorter():
    whole = samples.part10(BODIES[wire.EXPLICIT])
    for cut in range(len(whole)):
        reason = ""
        try:
            frame = read_frame(whole[:cut])
        except Damaged as damage:
            reason = damage.reason
        assert reason in ("", "empty", "truncated"), cut
        assert reason or frame is None or frame.start < cut
