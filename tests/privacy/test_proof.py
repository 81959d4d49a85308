"""The search that follows every writing: it fires on an own identity wherever it was left, and on nothing else."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from medcli.privacy.dicom import Scrubber
from medcli.privacy.policy import Policy
from tests.privacy import build, recode, wire
from tests.privacy.canaries import CHARSETS, encode

KEY = bytes(range(32))
FILTER, KERNEL = 0x00181160, 0x00181210
NAMES = {"latin": "Ångström", "utf8": "Žižek", "kanji": "鷹梶霧鶴", "korean": "홍길동김"}
OWN = {
    0x0020000D: ("UI", b"1.2.826.0.1.3680043.8.498.4711.1"),
    0x00080020: ("DA", b"19870523"),
    0x00080050: ("SH", b"ACC77123"),
    0x00100010: ("PN", b"Vexelbaum^Ottoline^Mae"),
    0x00100020: ("LO", b"MRN-5512907"),
    0x00100030: ("DA", b"19411207"),
    0x00080090: ("PN", b"Quistgaard^Ib"),
}


def outcome(data: bytes, folder: Path, policy: Policy | None = None) -> str:
    """Scrub and give the status, or what withheld the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = Scrubber(policy or Policy(), KEY).scrub(data, folder / "out.dcm")
    assert (folder / "out.dcm").exists() == (done.status == "released")
    return done.reason or done.status


def base(syntax: str = wire.EXPLICIT) -> bytes:
    """Make a CT whose identities occur nowhere else."""
    return build.change(recode.recode(build.sample("CT_small.dcm"), syntax), OWN)


@pytest.mark.parametrize("syntax", [wire.EXPLICIT, wire.IMPLICIT, wire.BIG, wire.DEFLATED])
def test_a_clean_file_passes(syntax: str, tmp_path: Path) -> None:
    assert outcome(base(syntax), tmp_path) == "released"


@pytest.mark.parametrize("syntax", [wire.EXPLICIT, wire.IMPLICIT, wire.BIG, wire.DEFLATED])
@pytest.mark.parametrize(
    "text",
    [
        *(b"Vexelbaum", b"for OTTOLINE", b"vexelbaum, o", b"Vexelbaum^Ottoline^Mae", b"quistgaard"),
        *(b"MRN-5512907", b"mrn-5512907 b", b"ACC77123", b"1.2.826.0.1.3680043.8.498.4711.1"),
        *(b"19411207", b"1941-12-07", b"07.12.1941", b"12/07/1941", b"1987.05.23"),
    ],
)
def test_an_identity_in_a_kept_text_withholds_the_file(text: bytes, syntax: str, tmp_path: Path) -> None:
    vr = "LT" if len(text) > 16 else "SH"
    data = build.change(base(syntax), {FILTER: ("SH" if vr == "SH" else "LO", text)})
    data = data if vr == "SH" else build.change(base(syntax), {0x00281055: ("LO", text)})
    assert outcome(data, tmp_path) == "residue"


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_name_is_found_in_every_character_set(charset: str, tmp_path: Path) -> None:
    name = encode(NAMES[charset], charset)
    own = {
        0x00080005: ("CS", CHARSETS[charset][0].encode()),
        0x00100010: ("PN", b"Vexelbaum^Mae=" + name if charset in {"kanji", "korean"} else name + b"^Mae"),
    }
    clean = build.change(base(), own)
    assert outcome(clean, tmp_path) == "released"
    assert outcome(build.change(clean, {0x00281055: ("LO", b"for " + name)}), tmp_path) == "residue"


@pytest.mark.parametrize(
    "text", [b"Vexel", b"aum", b"AxVexelbaumx", b"551290", b"1941", b"Ottol", b"ACC7712", b"B30f"]
)
def test_parts_of_words_and_common_text_do_not_fire(text: bytes, tmp_path: Path) -> None:
    assert outcome(build.change(base(), {FILTER: ("SH", text)}), tmp_path) == "released"


@pytest.mark.parametrize(("own", "text", "status"), [
    (b"Ng^Bo", b"Ng", "residue"), (b"Ng^Bo", b"Head Ng 2", "released"), (b"Li^An", b"LI", "residue"),
])  # fmt: skip
def test_short_names_count_as_whole_values(own: bytes, text: bytes, status: str, tmp_path: Path) -> None:
    data = build.change(base(), {0x00100010: ("PN", own), FILTER: ("SH", text)})
    assert outcome(data, tmp_path) == status


def test_values_that_an_option_keeps_are_no_residue(tmp_path: Path) -> None:
    data = build.change(base(), {FILTER: ("SH", b"of 19870523")})
    assert outcome(data, tmp_path) == "residue"
    assert outcome(data, tmp_path, Policy(retain=frozenset({"full-dates"}))) == "released"
    data = build.change(base(), {0x00281055: ("LO", b"1.2.826.0.1.3680043.8.498.4711.1")})
    assert outcome(data, tmp_path, Policy(retain=frozenset({"uids"}))) == "released"


def test_a_birth_date_is_a_residue_even_where_dates_stay(tmp_path: Path) -> None:
    data = build.change(base(), {FILTER: ("SH", b"b 19411207")})
    assert outcome(data, tmp_path, Policy(retain=frozenset({"full-dates"}))) == "residue"


def test_an_identity_of_a_nested_item_counts(tmp_path: Path) -> None:
    item = wire.element(0x00100010, "PN", "Grimmelshausen^Hans") + wire.element(0x00100020, "LO", "ZZ-990117")
    file = wire.split(base())
    parts = {each.tag: each.raw for each in wire.elements(file.body)} | {
        0x00400275: wire.sequence(0x00400275, [item])
    }
    for text in (b"Grimmelshausen", b"ZZ-990117"):
        body = parts | {FILTER: wire.element(FILTER, "SH", text)}
        data = wire.join(file._replace(body=b"".join(body[tag] for tag in sorted(body))))
        assert outcome(data, tmp_path) == "residue"
