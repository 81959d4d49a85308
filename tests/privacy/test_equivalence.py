"""The stream gives what the slow reference gives: on every real file, and on every encoding of one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest

from medcli.privacy.dicom import Scrubber
from medcli.privacy.policy import RETAIN, Policy, Rule, Subject
from tests.privacy import build, wire
from tests.privacy.compare import differences
from tests.privacy.reference import reference_scrub
from tests.privacy.reference_pixels import Withheld

KEY = bytes(range(32))
POLICIES = {
    "basic": Policy(pixels="off"),
    "strict": Policy("strict", pixels="off"),
    "gated": Policy(),
    "uids+full-dates+safe-private": Policy(
        retain=frozenset({"uids", "full-dates", "safe-private"}), pixels="off"
    ),
    "modified-dates+patient": Policy(
        retain=frozenset({"modified-dates", "patient-characteristics"}), pixels="off", date_shift=(-20, 20)
    ),
    "strict+modified-dates+device+institution": Policy(
        "strict", frozenset({"modified-dates", "device-identity", "institution-identity"}), pixels="off"
    ),
}


POLICIES |= {
    "rules": Policy(
        rules=(
            *(Rule("00181030", "K"), Rule("GEMS_SERS_01", "K"), Rule("00181160", "Z"), Rule("00080070", "X")),
            *(Rule("00081090", "D"), Rule("0008103E", "Z")),
        ),
        pixels="off",
    ),
    "everything kept": Policy(retain=frozenset(RETAIN) - {"modified-dates"}, pixels="off"),
    "subjects": Policy(
        retain=frozenset({"modified-dates"}),
        subjects={("1CT1", ""): Subject("S-001", -100), ("4MR1", ""): Subject("S-002")},
        pixels="off",
    ),
}
POLICIES |= {
    "cleaned": Policy(clean=frozenset({"descriptors", "structured-content", "graphics"}), pixels="off"),
    "strict, cleaned, dates and institution kept": Policy(
        "strict",
        frozenset({"full-dates", "institution-identity"}),
        clean=frozenset({"structured-content", "graphics"}),
        pixels="off",
    ),
    "descriptors, shifted": Policy(
        retain=frozenset({"modified-dates", "patient-characteristics"}),
        clean=frozenset({"descriptors"}),
        pixels="off",
    ),
}
RULED = {
    "pixels-not-examined",
    "no-sop-class",
    "unknown-subject",
    "overlay-in-compressed-pixels",
    "pixel-length",
}


def real_files() -> list[Path]:
    """Give every DICOM file of pydicom's installed test sets, character sets included, largest last."""
    from pydicom.data import get_charset_files, get_testdata_files

    found = {Path(str(each)).resolve() for each in get_testdata_files() + get_charset_files()}
    return sorted((each for each in found if each.is_file()), key=lambda each: (each.stat().st_size, each))


def expected(source: Path, policy: Policy) -> object:
    """Give the reference's data set, or the reason code, or the exception's class where pydicom cannot parse."""
    try:
        ds = pydicom.dcmread(source, force=True)
        return reference_scrub(ds, policy, KEY)
    except Withheld as stop:
        return str(stop)
    except Exception as error:  # noqa: BLE001 - real files break pydicom in many ways
        return type(error)


def verdict(source: Path, policy: Policy, target: Path) -> tuple[str, list[str]]:
    """Scrub one file both ways; give the stream's status or reason, and where they differ."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scrubbed = Scrubber(policy, KEY).scrub(source, target)
        wanted = expected(source, policy) if scrubbed.status in {"released", "withheld"} else None
        if scrubbed.status != "released":
            missed = (
                [f"withheld as {scrubbed.reason}"]
                if scrubbed.reason in RULED and wanted != scrubbed.reason
                else []
            )
            return scrubbed.reason or scrubbed.status, missed
        if isinstance(wanted, pydicom.Dataset):
            return "released", differences(target, wanted, source)
        return "released", [f"the reference says {wanted}"]


def check(sources: list[tuple[str, Path]], policy: Policy, folder: Path) -> dict[str, str]:
    """Scrub files both ways, fail with every difference, and give those withheld with their reason."""
    withheld, wrong = {}, []
    for number, (name, source) in enumerate(sources):
        target = folder / f"{number}.dcm"
        status, found = verdict(source, policy, target)
        target.unlink(missing_ok=True)
        if status != "released":
            withheld[name] = status
        wrong += [f"{name}: {line}" for line in found]
    assert not wrong, f"{len(wrong)} differences\n" + "\n".join(wrong[:60])
    return withheld


def explained() -> dict[str, str]:
    """Read ``withheld.tsv``: the real files that are not released, and as what."""
    lines = Path(__file__).with_name("withheld.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return {name: status for name, status, _ in rows}


@pytest.mark.parametrize("name", POLICIES)
def test_real_files_agree(name: str, tmp_path: Path) -> None:
    files = [(f"{each.parent.name}/{each.name}", each) for each in real_files()]
    withheld = check(files, POLICIES[name], tmp_path)
    gated = {each for each, status in withheld.items() if status == "pixels-not-examined"}
    assert not gated or name == "gated"
    strangers = {each for each, status in withheld.items() if status == "unknown-subject"}
    assert not strangers or name == "subjects"
    others = {each: status for each, status in withheld.items() if each not in gated | strangers}
    assert {each: status for each, status in others.items() if explained().get(each) != status} == {}


@pytest.mark.parametrize("name", ["basic", "strict", "cleaned"])
def test_every_encoding_agrees(name: str, tmp_path: Path) -> None:
    sources = []
    for kind, data in build.variants():
        (tmp_path / kind).write_bytes(data)
        sources.append((kind, tmp_path / kind))
    assert check(sources, POLICIES[name], tmp_path) == {}


def wrong_vrs(step: int) -> Iterator[tuple[str, bytes]]:
    """Give a CT again and again, each time with one of its attributes in a VR that is not its own."""
    file = wire.split(build.full_ct())
    whole = wire.elements(file.body)
    # Rows and the like decide how pixels are read; pydicom itself reads the character set and Pixel Representation
    fixed = {0x00080005, 0x00080016, 0x00080018, 0x00280010, 0x00280011, 0x00280100, 0x00280103, 0x7FE00010}
    for number, each in enumerate(whole):
        for vr in ("LO", "UN", "US", "FD", "DT", "UI", "OB", "CS"):
            if each.tag in fixed | {0x00281054} or vr == each.vr or number % step:
                continue
            new = wire.element(each.tag, vr, each.value)
            body = b"".join(new if other is each else other.raw for other in whole)
            yield f"{each.tag:08X}-{vr}", wire.join(file._replace(body=body))


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"])
@pytest.mark.parametrize("name", ["basic", "strict", "modified-dates+patient", "cleaned"])
def test_wrong_vrs_agree(name: str, step: int, tmp_path: Path) -> None:
    sources = []
    for kind, data in wrong_vrs(step):
        (tmp_path / kind).write_bytes(data)
        sources.append((kind, tmp_path / kind))
    withheld = check(sources, POLICIES[name], tmp_path)
    assert set(withheld.values()) <= {"residue"}


@pytest.mark.parametrize("kind", [kind for kind, _ in build.oddities()])
def test_odd_files_end_one_way_or_the_other(kind: str, tmp_path: Path) -> None:
    data = dict(build.oddities())[kind]
    (tmp_path / kind).write_bytes(data)
    scrubbed = Scrubber(POLICIES["basic"], KEY).scrub(tmp_path / kind, tmp_path / "out.dcm")
    assert scrubbed.status in {"released", "withheld", "ignored"}
    assert (tmp_path / "out.dcm").exists() == (scrubbed.status == "released")
    assert bool(scrubbed.reason) == (scrubbed.status == "withheld")
    if scrubbed.status == "released":
        pydicom.dcmread(tmp_path / "out.dcm")
