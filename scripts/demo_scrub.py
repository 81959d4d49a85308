"""The first half of ``make demo``: de-identify real DICOM files and show what became of them.

The files come with pydicom: several modalities and transfer syntaxes, a tree with its DICOMDIR, and one file that is
cut off on purpose. They are copied to the demo's inbox under names as hospitals give them, and `medcli scrub` is run
on them as anybody would run it. A second time it has nothing left to do and says the same.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import pydicom
from demo_command import run
from pydicom.datadict import keyword_for_tag

RELEASED = (0, 5, 6)
"""Exit codes of a run that released what it could."""
SAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"
CHOSEN = {
    "Ward 3/Compressed Samples CT1/CT_small.dcm": "CT_small.dcm",
    "Ward 3/Compressed Samples MR1/MR_small_bigendian.dcm": "MR_small_bigendian.dcm",
    "Ward 3/JPEG2000.dcm": "JPEG2000.dcm",
    "Ward 3/deflated": "image_dfl.dcm",
    "Oncology/plan": "rtplan.dcm",
    "Oncology/dose.dcm": "rtdose.dcm",
    "Oncology/structures.dcm": "rtstruct.dcm",
    "Cardiology/ecg": "waveform_ecg.dcm",
    "Cardiology/echo.dcm": "examples_ybr_color.dcm",
    "Radiology/report.dcm": "reportsi.dcm",
    "Radiology/liver.dcm": "liver_1frame.dcm",
    "Radiology/with overlay.dcm": "examples_overlay.dcm",
    "Radiology/half of a file.dcm": "693_J2KI.dcm",
    "Radiology/notes.txt": "README.txt",
}
DISC = ("DICOMDIR", "77654033", "98892001", "98892003")
PSEUDONYMS = {"00080050", "00100010", "00100020"}
WATCHED = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "InstitutionName",
    "SeriesDescription",
    "StationName",
    "SOPInstanceUID",
    "KVP",
    "SliceThickness",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
]


def scrub(here: Path) -> int:
    """Fill the inbox, run the command, show what it did.

    Returns
    -------
    int
        The command's exit code; 5, some files withheld, is what the samples are made for.
    """
    inbox, release, confidential = here / "inbox", here / "release", here / "release-confidential"
    fill(inbox)
    code = run(["scrub", inbox, "--output", release, "--crosswalk"])
    if code in RELEASED:
        files = account(here)
        show_actions(confidential / "report.jsonl")
        show_one(inbox, release, files)
        show_rest(files, inbox)
    return code


def account(here: Path) -> list[dict[str, str]]:
    """What became of each file of the inbox: the rows of files.csv."""
    with (here / "release-confidential" / "files.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def fill(inbox: Path) -> None:
    """Copy what is not there yet; times are kept, so that a second run knows the files."""
    for name, sample in CHOSEN.items():
        place = inbox / name
        if not place.exists() and (SAMPLES / sample).exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(SAMPLES / sample, place)
            if "half" in name:
                place.write_bytes(place.read_bytes()[: place.stat().st_size // 2])
    for part in DISC:
        source, place = SAMPLES / "dicomdirtests" / part, inbox / "Disc 1" / part
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, place)


def show_actions(report: Path) -> None:
    """Which attributes went most often."""
    counts: dict[str, Counter[str]] = {}
    for line in report.read_text().splitlines():
        for letter, tags in json.loads(line).get("actions", {}).items():
            counts.setdefault(letter, Counter()).update(tags)
    print("\nWhat was done most often, in released files:")
    words = {"X": "removed", "Z": "emptied", "D": "dummy value", "U": "new UID"}
    derived: Counter[str] = Counter()
    for letter in "ZD":
        for tag in PSEUDONYMS & counts.get(letter, Counter()).keys():
            derived[tag] += counts[letter].pop(tag)
    for word, counter in [
        *((word, counts.get(letter)) for letter, word in words.items()),
        ("pseudonym", derived),
    ]:
        most = ", ".join(
            f"{keyword_for_tag(tag) or tag} {count}" if tag != "private" else f"private attributes {count}"
            for tag, count in (counter or Counter()).most_common(5)
        )
        print(f"  {word:12} {most}")


def show_one(inbox: Path, release: Path, files: list[dict[str, str]]) -> None:
    """One file before and after."""
    row = next(row for row in files if row["source"].endswith("CT_small.dcm"))
    before, after = pydicom.dcmread(row["source"]), pydicom.dcmread(release / row["output"])
    print(f"\nOne file, {Path(row['source']).relative_to(inbox)}:")
    for keyword in WATCHED:
        old = before.get(keyword, "(not there)")
        new = after.get(keyword, "(removed)" if keyword in before else "(not there)")
        print(f"  {keyword:24} {brief(old):32} -> {brief(new)}")
    kept = sum(1 for element in after if element.tag in before and not element.tag.is_private)
    public = sum(1 for element in before if not element.tag.is_private)
    same = before.PixelData == after.PixelData
    print(f"  {kept} of {public} public attributes stay; pixels {'unchanged' if same else 'CHANGED'}")


def show_rest(files: list[dict[str, str]], inbox: Path) -> None:
    """What was not released, and why."""
    print("\nNot released:")
    for row in files:
        if row["status"] != "released":
            name = Path(row["source"]).relative_to(inbox)
            print(f"  {row['status']:10} {row['reason']:24} {name}")


def brief(value: object) -> str:
    """A value in at most 30 characters."""
    text = "(empty)" if value in ("", None) else str(value)
    return text if len(text) <= 30 else text[:27] + "..."
