"""One text in, one released text or a reason: detectors that fail, results that are not what they should be."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from medcli.privacy.dicom.pseudonyms import Pseudonyms
from medcli.privacy.text import cleaner, scrubber
from medcli.privacy.text.identities import Identities, candidates, identifier, write_identities
from medcli.privacy.text.replace_policy import TextPolicy
from medcli.privacy.text.scrubber import TextScrubber
from medcli.privacy.text.span import Span

NAMES = Pseudonyms(b"k" * 32)


class Toy:
    """A detector with a mood."""

    name, version = "toy", "1"

    def __init__(self, mood: str) -> None:
        self.mood = mood

    def find(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
        if self.mood == "raises":
            raise ValueError(texts[0])
        if self.mood == "too few":
            return []
        if self.mood == "outside":
            return [[Span(0, 10_000, "NAME")] for _ in texts]
        return [
            [Span(text.index("blue"), text.index("blue") + 4, "NAME")] if "blue" in text else []
            for text in texts
        ]


@pytest.mark.parametrize("mood", ["raises", "too few", "outside"])
def test_a_detector_that_fails_withholds_the_text(tmp_path: Path, mood: str) -> None:
    one = TextScrubber(TextPolicy(), NAMES, detectors=[Toy(mood)])
    result = one.scrub(b'{"a": "so blue"}\n', tmp_path / "out", "x.jsonl")
    assert (result.status, result.reason) == ("withheld", "text-not-examined")
    assert not (tmp_path / "out").exists()
    assert "blue" not in repr(result)


def test_what_a_detector_finds_goes(tmp_path: Path) -> None:
    one = TextScrubber(TextPolicy(), NAMES, detectors=[Toy("works")])
    assert one.scrub(b'{"a": "so blue"}\n', tmp_path / "out", "x.jsonl").status == "released"
    assert (tmp_path / "out").read_text() == '{"a": "so [NAME]"}\n'


def test_a_result_that_reads_back_otherwise_is_withheld(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = scrubber._Product.put
    monkeypatch.setattr(scrubber._Product, "put", lambda self, text: real(self, text).replace("[", "("))
    result = TextScrubber(TextPolicy(), NAMES).scrub(b'{"a": "Mr. Miller"}\n', tmp_path / "out", "x.jsonl")
    assert (result.status, result.reason) == ("withheld", "unsound")
    assert not (tmp_path / "out").exists()


def test_what_the_cleaning_forgot_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaner, "_written", lambda record, *_: record)
    source = b'{"patient_name": "Quittenbaum", "a": "Quittenbaum"}\n'
    result = TextScrubber(TextPolicy(), NAMES).scrub(source, tmp_path / "out", "x.jsonl")
    assert (result.status, result.reason, result.attribute) == ("withheld", "residue", "record 1")


def test_a_surrogate_is_never_a_known_name_of_the_record(tmp_path: Path) -> None:
    one = TextScrubber(TextPolicy(actions=(("NAME", "surrogate"),)), NAMES)
    first = "Mr. Miller saw nobody."
    one.scrub(first.encode(), tmp_path / "out", "x.txt")
    stand_in = (tmp_path / "out").read_text().split()[1]
    one.scrub(f"Mr. Miller saw Mr. {stand_in} today.".encode(), tmp_path / "out", "x.txt")
    words = (tmp_path / "out").read_text().split()
    assert words[1] not in ("Miller", stand_in)
    assert stand_in not in words


def test_identities_are_found_by_identifiers_alone(tmp_path: Path) -> None:
    facts = json.dumps([["NAME", "Quittenbaum^Adelheid"], ["ACCOUNT", "ACC-88123"], ["MRN", "0004711"]])
    write_identities(
        tmp_path / "known.sqlite", [("0004711", "KH", facts), ("0004711", "KH", '[["NAME", "Q, A"]]')]
    )
    known = Identities(str(tmp_path / "known.sqlite"), {"S-9": (("NAME", "Gustav"),)})
    assert (tmp_path / "known.sqlite").stat().st_mode & 0o777 == 0o600
    for text in ("no. 4711", "ACC-88123.", "(acc 88123)", "ACC88123"):
        found = known.of(candidates(text))
        assert [one.patient_id for one in found] == (["0004711"] if "acc 8" not in text else [])
    (patient,) = known.of([identifier("4711")])
    assert ("NAME", "Q, A") in patient.facts
    assert "Q, A" not in repr(patient)
    assert known.of(candidates("Quittenbaum, 23 and 471")) == []
    known.close()


@pytest.mark.parametrize("lead", ["sep=;\r\n", "\r\n\n", "\n\n\nSEP=;\n"])
def test_titles_are_read_behind_what_a_table_begins_with(tmp_path: Path, lead: str) -> None:
    rows = 'mrn;patient_name;note\r\n"00-55-51";"Qvistova; Abena";"Abena\r\nsays ""hi"""\r\n'
    one = TextScrubber(TextPolicy(), NAMES)
    assert one.scrub((lead + rows).encode(), tmp_path / "out", "x.csv").status == "released"
    wanted = 'mrn;patient_name;note\r\n"[MRN]";"[NAME]";"[NAME]\r\nsays ""hi"""\r\n'
    assert (tmp_path / "out").read_bytes().decode() == lead + wanted


def test_a_report_that_begins_like_a_bitmap_is_a_report(tmp_path: Path) -> None:
    one = TextScrubber(TextPolicy(), NAMES)
    assert one.scrub(b"BMI 24.1. Seen by Dr. Qvistova.\n", tmp_path / "out", "x.txt").status == "released"
    assert (tmp_path / "out").read_text() == "BMI 24.1. Seen by Dr. [NAME].\n"


def test_parts_of_a_name_go_from_all_strings_of_a_record_but_not_what_diseases_are_called(
    tmp_path: Path,
) -> None:
    record = {
        "a": "Mr. Qvist Rasmussenova came.",
        "b": "Rasmussenova ok, RASMUSSENOVA",
        "c": "Dr. James Baker",
    }
    record["d"] = "Baker cyst; James came; Rasmussenovas"
    one = TextScrubber(TextPolicy(), NAMES)
    assert one.scrub(json.dumps(record).encode(), tmp_path / "out", "x.jsonl").status == "released"
    said = json.loads((tmp_path / "out").read_text())
    assert (said["a"], said["b"]) == ("Mr. [NAME] came.", "[NAME] ok, [NAME]")
    assert said["d"].startswith("Baker cyst; ")


def test_a_document_of_many_patients_takes_time_by_its_length(tmp_path: Path) -> None:
    signs = [
        "ba",
        "ko",
        "ri",
        "mo",
        "lun",
        "ves",
        "tar",
        "qui",
        "zel",
        "nor",
        "dag",
        "fim",
        "hul",
        "pex",
        "sa",
        "ju",
    ]

    def name(number: int) -> str:
        return "".join(signs[number >> shift & 15] for shift in (0, 4, 8)).title()

    def seconds(count: int) -> float:
        rows = [
            {"patient_name": f"{name(7 * i)} {name(i)}", "note": f"Mr. {name(i)} came."} for i in range(count)
        ]
        begun = time.process_time()
        text = json.dumps(rows).encode()
        assert (
            TextScrubber(TextPolicy(), NAMES).scrub(text, tmp_path / f"{count}", "x.json").status
            == "released"
        )
        return time.process_time() - begun

    seconds(10)
    assert seconds(1600) < 9 * seconds(400) + 0.5
