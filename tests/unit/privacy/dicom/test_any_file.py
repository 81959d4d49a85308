"""Any file ends released or withheld with a reason: shapes, oddities, cuts, flips, character sets."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from medcli.privacy.dicom import Scrubber, normalise
from medcli.privacy.dicom.pseudonyms import Pseudonyms
from medcli.privacy.policy import Policy
from tests.privacy import build, recode, wire
from tests.unit.privacy.dicom import samples
from tests.unit.privacy.dicom.samples import (
    ANYTHING,
    BASIC,
    INSTANCE,
    KEY,
    NAME,
    PATIENT,
    PIXELS,
    Scrub,
    by_hand,
    ct,
    encode,
    gone,
    part10,
    withheld,
)

NAMES = Pseudonyms(KEY)
BODY = wire.split(encode(ct())).body
PARTS = [each.raw for each in wire.elements(BODY)]
SHAPES = {
    "whole": encode(ct()),
    "no preamble": encode(ct())[132:],
    "prefix only": encode(ct())[128:],
    "no meta": encode(ct())[:132] + BODY,
    "nothing but the data set": BODY,
    "implicit without meta": wire.split(encode(ct(), wire.IMPLICIT)).body,
    "big endian without meta": wire.split(encode(ct(), wire.BIG)).body,
    "implicit said explicit": part10(wire.split(encode(ct(), wire.IMPLICIT)).body, wire.EXPLICIT),
    "explicit said implicit": part10(BODY, wire.IMPLICIT),
    "undefined everywhere": recode.recode(encode(ct()), wire.EXPLICIT, undefined=True),
    "implicit, undefined": recode.recode(encode(ct()), wire.IMPLICIT, undefined=True),
    "big endian, undefined": recode.recode(encode(ct()), wire.BIG, undefined=True),
    "group lengths": part10(wire.element(0x00080000, "UL", struct.pack("<I", 4)) + BODY),
    "padding behind": part10(BODY + wire.element(0xFFFCFFFC, "OB", b"Mustermann")),
    "bytes behind": part10(BODY + b"Mustermann^Erika 7"),
    "zeros behind": part10(BODY + bytes(512)),
    "preamble of a name": b"Mustermann^Erika".ljust(128, b"\0") + encode(ct())[128:],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_file_is_read(scrub: Scrub, shape: str):
    outcome = scrub(SHAPES[shape])
    assert (outcome.result.status, outcome.result.route) == ("released", "stream")
    assert outcome.data[:132] == bytes(128) + b"DICM"
    assert outcome.ds.PatientID == NAMES.patient(("id", PATIENT, ""))
    assert (outcome.ds.Rows, outcome.ds.SliceThickness) == (8, 5)
    assert len(outcome.ds.PixelData) == 128
    assert int(max(outcome.ds.keys())) == 0x7FE00010
    gone(outcome)


ODD = {
    "unsorted": part10(b"".join(PARTS[9:-1] + PARTS[:9] + PARTS[-1:])),
    "duplicated": part10(b"".join(PARTS[:10] + PARTS[5:])),
    "a VR that is none": part10(BODY.replace(b"\x18\0\x50\0DS", b"\x18\0\x50\0QQ")),
}


@pytest.mark.parametrize("oddity", ODD)
def test_odd_files_are_put_in_order(scrub: Scrub, oddity: str):
    outcome = scrub(ODD[oddity])
    assert (outcome.result.status, outcome.result.route) == ("released", "pydicom")
    tags = [int(element.tag) for element in outcome.ds]
    assert tags == sorted(set(tags))
    assert outcome.ds.PixelData == PIXELS
    gone(outcome)


def test_the_second_of_two_names_goes_too(scrub: Scrub):
    twice = [*PARTS, wire.element(0x00100010, "PN", "Zweitname^Anna")]
    outcome = scrub(part10(b"".join(twice)))
    gone(outcome, b"zweitname")


@pytest.mark.parametrize("odd", [b"CT3", b"Chest", b"1"])
def test_odd_lengths_are_read(scrub: Scrub, odd: bytes):
    raw = wire.element(0x00181210, "SH", odd, pad=False)
    outcome = scrub(by_hand({0x00181210: raw}))
    assert outcome.ds.ConvolutionKernel == odd.decode()
    gone(outcome)


@pytest.mark.parametrize("vr", ["UN", "LO", "OB", "UT", "ST", "UI", "SQ", "US", "DA"])
def test_a_name_under_any_vr_goes(scrub: Scrub, vr: str):
    for tag, value in (
        (0x00100010, NAME),
        (0x00100020, PATIENT),
        (0x00080090, "Mustermann^Konrad"),
        (0x00081030, NAME),
    ):
        outcome = scrub(by_hand({tag: wire.element(tag, vr, value)}))
        gone(outcome)
        assert outcome.result.status == "released" or vr == "SQ"


@pytest.mark.parametrize("syntax", [wire.EXPLICIT, wire.IMPLICIT, wire.BIG, wire.DEFLATED, "rle"])
def test_a_file_cut_anywhere_never_raises_and_never_leaks(tmp_path: Path, syntax: str):
    ds = ct(PixelData=None)
    item = Dataset()
    item.PatientID, item.ReferencedSOPInstanceUID = PATIENT, INSTANCE
    ds.SourceImageSequence = [item, item]
    ds.add_new(0x7FE00010, "OW", bytes(16))
    ds.Rows, ds.Columns = 2, 4
    data = recode.rle(encode(ds)) if syntax == "rle" else recode.recode(encode(ds), syntax)
    scrubber, target, released = Scrubber(BASIC, KEY), tmp_path / "out", 0
    for cut in range(len(data)):
        result = scrubber.scrub(data[:cut], target)
        assert target.exists() == (result.status == "released")
        if result.status == "released":
            released += 1
            assert data[:cut].endswith(data[cut - 4 : cut])
            whole = target.read_bytes().lower()
            assert b"mustermann" not in whole
            assert PATIENT.lower().encode() not in whole
            pydicom.dcmread(target)
            target.unlink()
    # Only a cut between two elements of the data set is a whole, shorter file.
    assert released <= len(PARTS) + 2
    assert scrubber.scrub(data, target).status == "released"


flips = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4)


RICH = encode(
    ct(
        OperatorsName="Mustermann^Konrad",
        RequestAttributesSequence=[samples.without_pixels()],
        SourceImageSequence=[samples.without_pixels()],
    )
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(flips, st.sampled_from([wire.EXPLICIT, wire.IMPLICIT, wire.BIG]), st.sampled_from([BASIC, ANYTHING]))
def test_flipped_bytes_never_raise(scrub: Scrub, flips: list[tuple[int, int]], syntax: str, policy: Policy):
    data = bytearray(VARIANTS[syntax])
    for at, value in flips:
        data[132 + at % (len(data) - 132)] = value
    scrub_anything(scrub, bytes(data), policy)


VARIANTS = {syntax: recode.recode(RICH, syntax) for syntax in (wire.EXPLICIT, wire.IMPLICIT, wire.BIG)}


def scrub_anything(scrub: Scrub, data: bytes, policy: Policy) -> None:
    """Scrub and look only at the result: pydicom may refuse what came of a damaged file."""
    target = scrub.args[0]
    result = samples.scrubber(policy).scrub(data, target)
    assert target.exists() == (result.status == "released")
    target.unlink(missing_ok=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_any_bytes_never_raise(scrub: Scrub, data: bytes):
    for head in (b"", bytes(128) + b"DICM", encode(ct())[:340], BODY[:26]):
        scrub_anything(scrub, head + data, BASIC)


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7",
        b"Mustermann, Erika: report",
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        b"PK\3\4" + bytes(60),
        b"\0" * 200,
    ],
)
def test_what_is_no_dicom_is_ignored(scrub: Scrub, data: bytes):
    assert scrub(data).result.status == "ignored"


CHARSETS = {
    "ISO_IR 100": ("Müßig^Jürgen", "latin-1"),
    "ISO_IR 101": ("Wałęsa^Stanisław", "iso8859-2"),
    "ISO_IR 109": ("Ĥaŭlo^Ĉiĝo", "iso8859-3"),
    "ISO_IR 110": ("Bērziņš^Kristīne", "iso8859-4"),
    "ISO_IR 144": ("Ивановский^Иван", "iso8859-5"),
    "ISO_IR 127": ("قباني^لنزار", "iso8859-6"),
    "ISO_IR 126": ("Διονυσιος^Αθηνα", "iso8859-7"),
    "ISO_IR 138": ("שרוני^דבורה", "iso8859-8"),
    "ISO_IR 148": ("Çavuşoğlu^İbrahim", "iso8859-9"),
    "ISO_IR 13": ("ﾔﾏﾀﾞﾏ^ﾀﾛｳﾏ", "shift_jis"),
    "ISO_IR 192": ("王小東^山田太郎", "utf-8"),
    "GB18030": ("王小东^张伟强", "gb18030"),
}


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("syntax", [wire.EXPLICIT, wire.IMPLICIT, wire.BIG])
def test_a_name_in_twelve_character_sets_goes_and_is_searched_for(scrub: Scrub, charset: str, syntax: str):
    name, codec = CHARSETS[charset]
    layout = wire.syntax_of(syntax)
    own = {
        0x00080005: wire.element(0x00080005, "CS", charset, layout),
        0x00100010: wire.element(0x00100010, "PN", name.encode(codec), layout),
        0x00100020: wire.element(0x00100020, "LO", name.split("^")[0].encode(codec), layout),
        0x00102160: wire.element(0x00102160, "SH", name.split("^")[0].encode(codec), layout),
    }
    outcome = scrub(by_hand(own, syntax=layout))
    assert outcome.result.status == "released"
    for part in name.split("^"):
        assert part.encode(codec) not in outcome.data
        assert part.encode() not in outcome.data
    assert outcome.ds.PatientID == NAMES.patient(("id", name.split("^")[0], ""))
    own[0x00281055] = wire.element(0x00281055, "LO", b"of " + name.split("^")[1].encode(codec), layout)
    outcome = scrub(by_hand(own, syntax=layout))
    assert (outcome.result.reason, outcome.result.attribute) == ("residue", "(0010,0010)")


@pytest.mark.parametrize(
    "charset", [b"ISO_IR 999", b"Mustermann", b"\\\\\\", b"ISO 2022 IR 87\\ISO_IR 192", b"\xff\xfe"]
)
def test_a_character_set_that_is_none_stops_nobody(scrub: Scrub, charset: bytes):
    own = {
        0x00080005: wire.element(0x00080005, "CS", charset),
        0x00100010: wire.element(0x00100010, "PN", b"M\xfcller\x1b$B^J\xfcrgen"),
    }
    target: Path = scrub.args[0]
    result = samples.scrubber().scrub(by_hand(own), target)  # pydicom would warn of such a set when it reads
    assert result.status == "released"
    assert b"ller" not in target.read_bytes()


def test_a_number_of_frames_beyond_all_bounds_is_no_crash(scrub: Scrub):
    for frames in ("9" * 5000, "0", "-1", "1e5", "four"):
        scrub_anything(scrub, by_hand({0x00280008: wire.element(0x00280008, "IS", frames)}), BASIC)
        source = build.change(encode(ct()), {0x00280008: ("IS", frames.encode())})
        scrub_anything(scrub, source, BASIC)


def test_a_large_odd_file_is_withheld(scrub: Scrub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(normalise, "LIMIT", 100)
    withheld(scrub(ODD["unsorted"]), "too-large")


def test_a_deflated_data_set_whose_pixels_lie_elsewhere(scrub: Scrub):
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(BODY) + packer.flush()
    target: Path = scrub.args[0]
    result = samples.scrubber().scrub(part10(b"", "1.2.840.10008.1.2.4.95") + packed, target)
    assert result.status == "released"  # pydicom does not know that this syntax is deflated
    data = target.read_bytes()
    clear = zlib.decompressobj(-15).decompress(data[144 + int.from_bytes(data[140:144], "little") :])
    assert b"Mustermann" not in clear
    assert wire.elements(clear)[-1].value == PIXELS
