"""What a released file says of its own de-identification."""

from __future__ import annotations

import io
import itertools

import pydicom
import pytest
from pydicom.filereader import read_dataset
from pydicom.uid import UID

from medcli import __version__
from medcli.privacy import profiles
from medcli.privacy.dicom.encoding import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from medcli.privacy.dicom.marks import IMPLEMENTATION_UID, codes_of, file_meta, mark_elements, method_of
from medcli.privacy.policy import RETAIN, Policy, Rule
from tests.privacy import wire
from tests.unit.privacy.dicom.samples import CT, INSTANCE

SUBSETS = [
    frozenset(chosen)
    for size in (0, 1, 2, 5, 6)
    for chosen in itertools.combinations(RETAIN, size)
    if not {"full-dates", "modified-dates"} <= set(chosen)
]


@pytest.mark.parametrize(
    ("option", "code"),
    [
        ("patient-characteristics", "113108"),
        ("device-identity", "113109"),
        ("uids", "113110"),
        ("safe-private", "113111"),
        ("institution-identity", "113112"),
        ("full-dates", "113106"),
        ("modified-dates", "113107"),
    ],
)
def test_every_option_has_its_code_beside_the_profile_s(option: str, code: str):
    policy = Policy(retain=frozenset([option]))
    assert codes_of(policy, weakened=False) == tuple(sorted(("113100", code)))
    assert codes_of(policy, weakened=True) == (code,)


@pytest.mark.parametrize("retain", SUBSETS)
def test_the_marks_of_any_choice_are_legal(retain: frozenset[str]):
    for profile, pixels, rules, weakened in itertools.product(
        ("basic", "strict"), ("withhold", "off"), ((), (Rule("00081030", "K", "why"),)), (False, True)
    ):
        policy = Policy(profile, retain, pixels, rules=rules)
        method = method_of(policy, weakened=weakened)
        assert all(0 < len(value) <= 64 and "\\" not in value for value in method)
        assert method[:3] == (
            f"medcli {__version__}",
            f"PS3.15 {profiles.edition()} Table E.1-1",
            f"profile {profile}",
        )
        assert [value for value in method if value.startswith("retain ")] == [
            f"retain {name}" for name in sorted(retain)
        ]
        assert ("pixels not examined" in method) == (pixels == "off")
        assert sum("local rules" in value for value in method) == bool(rules)
        assert ("113100" in codes_of(policy, weakened=weakened)) == (not weakened)


@pytest.mark.parametrize("encoding", [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE])
@pytest.mark.parametrize("pixels", ["withhold", "off"])
@pytest.mark.parametrize("dates", ["", "full-dates", "modified-dates"])
def test_pydicom_reads_the_marks(encoding: Encoding, pixels: str, dates: str):
    policy = Policy(pixels=pixels, retain=frozenset([dates, "uids"]) - {""})
    raw = b"".join(mark_elements(encoding, policy, weakened=False))
    ds = read_dataset(io.BytesIO(raw), not encoding.explicit, encoding.little)
    assert ds.PatientIdentityRemoved == ("NO" if pixels == "off" else "YES")
    assert tuple(ds.DeidentificationMethod) == method_of(policy, weakened=False)
    items = [
        (item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning)
        for item in ds.DeidentificationMethodCodeSequence
    ]
    meanings = profiles.code_meanings()
    assert items == [(code, "DCM", meanings[code]) for code in codes_of(policy, weakened=False)]
    expected = {"": "REMOVED", "full-dates": "UNMODIFIED", "modified-dates": "MODIFIED"}[dates]
    assert ds.LongitudinalTemporalInformationModified == expected


def test_no_code_no_sequence():
    raw, _ = mark_elements(EXPLICIT_LE, Policy(rules=(Rule("00081030", "K"),)), weakened=True)
    assert [each.tag for each in wire.elements(raw)] == [0x00120062, 0x00120063]


@pytest.mark.parametrize("code", range(113100, 113113))
def test_the_meanings_are_those_of_cid_7050(code: int):
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    cid_7050 = [getattr(codes.cid7050, name) for name in dir(codes.cid7050)]
    known = {each.value: each.meaning for each in cid_7050 if isinstance(each, Code)}
    assert len(known) > 10
    assert profiles.code_meanings()[str(code)] == known.get(str(code), profiles.code_meanings()[str(code)])


def test_the_file_meta_holds_what_must_be_there_and_nothing_else():
    raw = file_meta(CT, INSTANCE, wire.EXPLICIT)
    assert raw[:132] == bytes(128) + b"DICM"
    meta = pydicom.dcmread(io.BytesIO(raw)).file_meta
    length = int.from_bytes(raw[140:144], "little")
    assert len(raw) == 144 + length
    assert [int(element.tag) & 0xFFFF for element in meta] == [0, 1, 2, 3, 0x10, 0x12, 0x13]
    assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == (CT, INSTANCE)
    assert meta.TransferSyntaxUID == wire.EXPLICIT
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert len(meta.ImplementationVersionName) <= 16


def test_our_implementation_uid_is_legal():
    assert UID(IMPLEMENTATION_UID).is_valid
    assert not UID(IMPLEMENTATION_UID).is_private or IMPLEMENTATION_UID.startswith("2.25.")
