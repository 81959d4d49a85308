"""Planted identities: none left under strict, none outside technical attributes under basic, no old UID."""

from __future__ import annotations

import warnings
from pathlib import Path

import pydicom
import pytest

from medcli.privacy.dicom import Scrubber
from medcli.privacy.policy import Policy
from tests.privacy import build, recode, wire
from tests.privacy.canaries import CHARSETS, leftovers, planes
from tests.privacy.plant import plant, plant_bits, plant_segment

KEY = bytes(range(32))
SYNTAXES = {"explicit": wire.EXPLICIT, "implicit": wire.IMPLICIT, "big": wire.BIG, "deflated": wire.DEFLATED}
PLACES, TECHNICAL = 60, 6


def scrub(data: bytes, target: Path, policy: Policy) -> tuple[str, bytes]:
    """Scrub and give the status, or what withheld the file, and the released bytes."""
    status, out, _ = scrub_by(data, target, policy)
    return status, out


def scrub_by(data: bytes, target: Path, policy: Policy) -> tuple[str, bytes, str]:
    """Scrub as ``scrub``, and name the route that was taken."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = Scrubber(policy, KEY).scrub(data, target)
    return done.reason or done.status, target.read_bytes() if target.exists() else b"", done.route


@pytest.mark.parametrize("profile", ["basic", "strict"])
@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_no_canary_is_left(syntax: str, charset: str, profile: str, tmp_path: Path) -> None:
    base = recode.recode(build.sample("CT_small.dcm"), SYNTAXES[syntax])
    data, canaries = plant(base, charset)
    assert len({each.place for each in canaries}) >= PLACES
    assert {each.text for each in leftovers(data, canaries)} >= {
        e.text for e in canaries if e.kind != "spelling"
    }
    status, out, route = scrub_by(data, tmp_path / "out.dcm", Policy(profile))
    assert (status, route) == ("released", "stream")
    left = leftovers(out, canaries)
    assert [each.place for each in left if profile == "strict" or not each.technical] == []
    assert len(left) <= TECHNICAL
    pydicom.dcmread(tmp_path / "out.dcm")


@pytest.mark.parametrize("profile", ["basic", "strict"])
@pytest.mark.parametrize("charset", CHARSETS)
def test_no_canary_is_left_where_pydicom_has_to_help(charset: str, profile: str, tmp_path: Path) -> None:
    data, canaries = plant(build.sample("CT_small.dcm"), charset)
    file = wire.split(data)
    first, *rest = wire.elements(file.body)
    data = wire.join(file._replace(body=b"".join(each.raw for each in (*rest[:30], first, *rest[30:]))))
    status, out, route = scrub_by(data, tmp_path / "out.dcm", Policy(profile))
    assert (status, route) == ("released", "pydicom")
    left = leftovers(out, canaries)
    assert [each.place for each in left if profile == "strict" or not each.technical] == []


@pytest.mark.parametrize("profile", ["basic", "strict"])
def test_bytes_after_the_end_do_not_get_out(profile: str, tmp_path: Path) -> None:
    data, canaries = plant(build.sample("CT_small.dcm"), tail=True)
    _, out = scrub(data, tmp_path / "out.dcm", Policy(profile))
    assert [each.place for each in leftovers(out, canaries) if not each.technical] == []


def test_overlays_in_high_bits_are_cleared_and_the_image_stays(tmp_path: Path) -> None:
    data, canaries = plant_bits(build.sample("CT_small.dcm"))
    assert len(leftovers(data, canaries, bits=True)) == len(canaries)
    status, out = scrub(data, tmp_path / "out.dcm", Policy())
    assert status == "released"
    assert leftovers(out, canaries, bits=True) == []
    assert planes(data)[:12] == planes(out)[:12]


@pytest.mark.parametrize("marker", [0xFE, 0xE1, 0xED], ids=["COM", "APP1", "APP13"])
def test_a_name_in_a_jpeg_segment_withholds_the_file(marker: int, tmp_path: Path) -> None:
    base = build.change(build.sample("SC_rgb_jpeg_gdcm.dcm"), {0x00100010: ("PN", b"Vexelbaum^Ottoline")})
    status, _ = scrub(base, tmp_path / "clean.dcm", Policy(pixels="off"))
    assert status == "released"
    data = plant_segment(base, b"scan of OTTOLINE VEXELBAUM", marker=marker)
    assert scrub(data, tmp_path / "out.dcm", Policy(pixels="off")) == ("residue", b"")


OWN = {
    0x00100010: ("PN", b"Vexelbaum^Ottoline"),
    0x00100020: ("LO", b"MRN-5512907"),
    0x00100030: ("DA", b"19411207"),
}


@pytest.mark.parametrize(
    "text",
    [b"Vexelbaum", b"OTTOLINE", b"vexelbaum, o", b"MRN-5512907", b"19411207", b"1941-12-07", b"07.12.1941"],
)
def test_an_own_identifier_in_a_technical_attribute_withholds_the_file(text: bytes, tmp_path: Path) -> None:
    base = build.change(build.sample("CT_small.dcm"), OWN)
    assert scrub(base, tmp_path / "clean.dcm", Policy())[0] == "released"
    data = build.change(base, {0x00181160: ("SH", text)})
    assert scrub(data, tmp_path / "out.dcm", Policy()) == ("residue", b"")


def test_most_public_attributes_of_a_ct_survive(tmp_path: Path) -> None:
    data = build.full_ct()
    source = pydicom.dcmread(pydicom.filebase.DicomBytesIO(data))
    public = {each.tag for each in source if not each.tag.is_private}
    assert len(public) == 108
    status, _ = scrub(data, tmp_path / "out.dcm", Policy())
    assert status == "released"
    new = pydicom.dcmread(tmp_path / "out.dcm")
    kept = {
        tag for tag in public if tag in new
    }  # counted as the peers' figures were: still there, a dummy too
    assert len(kept) >= 80, sorted(str(tag) for tag in public - kept)
