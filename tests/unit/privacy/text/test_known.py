"""Known identity: where it comes from, what it never shows, and that it stays quick on hostile texts."""

from __future__ import annotations

import json
import pickle
import time
import traceback
from pathlib import Path

import pytest

from medcli.errors import InputError
from medcli.privacy.text.known import Known, category_of
from medcli.privacy.text.known_table import read_known

PATIENT = Known(
    [
        ("NAME", "Quistgaard-Lund^Ottoline^Mae"), ("NAME", "Dr. John Brown"), ("DATE", "19560312"), ("MRN", "00453252"),
        ("FACILITY", "Nueva Indonesia Regional Medical Center"), ("PHONE", "+1 (303) 867-7879"), ("NAME", "山田^太郎"),
        ("EMAIL", "cruzrebecca@sanchez-green.com"), ("NAME", "Ng^Bo"), ("UID", "1.2.826.0.1.3680043.8.498.7"), ("DEVICE", "SKYRA01"),
    ]
)  # fmt: skip


def found(text: str, known: Known = PATIENT) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.category) for span in known.find(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("QUISTGAARD-LUND^OTTOLINE", [("QUISTGAARD-LUND^OTTOLINE", "NAME")]),
        ("seen by J. Brown", [("J. Brown", "NAME")]),
        ("Brown fat is brown", [("Brown", "NAME")]),
        ("100_brown.dcm", [("brown", "NAME")]),
        ("Quist-\ngaard", [("Quist-\ngaard", "NAME")]),
        ("O.Q. came", [("O.Q.", "NAME")]),
        ("O T T O L I N E  Q-u-i-s-t-g-a-a-r-d came", [("O T T O L I N E  Q-u-i-s-t-g-a-a-r-d", "NAME")]),
        ("T 1 a b c o f t h e liver", []),
        ("MRN ٠٠٤٥٣٢٥٢ ok", [("٠٠٤٥٣٢٥٢", "MRN")]),
        ("生年月日1956年3月12日、男", [("1956年3月12日", "DATE")]),
        ("Quistgaards Befund", [("Quistgaards", "NAME")]),
        ("患者山田さん", [("山田", "NAME")]),
        ("Ng, 5 ng, NG tube", [("Ng", "NAME")]),
        ("Qu1stgaard 0ttoline", [("Qu1stgaard 0ttoline", "NAME")]),
        ("45-32-52 and 145325 21", [("45-32-52", "MRN")]),
        ("867.7879", [("867.7879", "PHONE")]),
        ("ask cruzrebecca", [("cruzrebecca", "USER")]),
        ("at Nueva Indonesia", [("Nueva Indonesia", "FACILITY")]),
        ("regional medical center", []),
        ("SKYRA01_1.2.826.0.1.3680043.8.498.7", [("SKYRA01", "DEVICE"), ("1.2.826.0.1.3680043.8.498.7", "UID")]),
        ("12.III.1956", [("12.III.1956", "DATE")]),
        ("T1, L4/5, 120/80, 13.03.1956, lung", []),
        ("", []),
    ],
)  # fmt: skip
def test_what_is_found(text: str, wanted: list[tuple[str, str]]) -> None:
    assert found(text) == wanted


def test_offsets_hold_where_folding_changes_the_length() -> None:
    known = Known([("NAME", "Strauß^Zoë")])
    text = "\u00df \ufb01ne Zoe\u0308 STRAUSS, Str\u00adauß"
    assert found(text, known) == [("Zoe\u0308 STRAUSS, Str\u00adauß", "NAME")]


@pytest.mark.parametrize("word", ["carted", "martin", "effusion", "walled"])
def test_no_word_of_common_language_is_taken_for_a_name(word: str) -> None:
    known = Known(
        [("NAME", "Carter^Marvin"), ("NAME", "Effusiom"), ("NAME", "Wallen")],
        common={"carted", "effusion", "walled"}.__contains__,
    )
    assert found(f"a {word} here", known) == ([("martin", "NAME")] if word == "martin" else [])


def test_it_shows_no_value_and_is_not_pickled() -> None:
    shown = repr(PATIENT) + str(PATIENT)
    assert "NAME=4" in shown
    assert not any(value in shown for _, value in PATIENT.facts)
    PATIENT.find("Quistgaard")
    with pytest.raises(TypeError) as caught:
        pickle.dumps(PATIENT)
    assert "Quist" not in "".join(traceback.format_exception(caught.value))


def test_the_fields_of_a_record() -> None:
    record = {
        "patient_name": "Ottoline Quistgaard", "PatientBirthDate": "19560312", "text": "Zebra Zulu",
        "patient": {"MRN": 4532521, "alive": True}, "physicians": ["Zebra"], "extra": "Xylander",
    }  # fmt: skip
    known = Known.from_record(record, {"extra": "NAME", "Patient-Name": ""})
    assert found("Quistgaard 12.3.1956 4532521 Zebra Xylander", known) == [
        ("12.3.1956", "DATE"), ("4532521", "MRN"), ("Xylander", "NAME"),
    ]  # fmt: skip
    assert [category_of(name) for name in ("Date of Birth", "InstitutionName", "findings")] == [
        "DATE",
        "FACILITY",
        None,
    ]


def test_a_header_makes_places_of_makers_no_secret() -> None:
    known = Known.from_header(
        [
            (0x00100010, "PN", "Quistgaard^O"), (0x00080080, "LO", "SIEMENS"), (0x00081010, "SH", "CT1"), (0x0020000D, "UI", "1.2.840.10008.1"),
            (0x00081030, "LO", "Head"), (0x00101002, "LO", "12"), (0x00102154, "SH", "a@bcd.org"),
        ]
    )  # fmt: skip
    assert known.facts == (("NAME", "Quistgaard^O"), ("EMAIL", "a@bcd.org"))


def test_tables_of_known_identity(tmp_path: Path) -> None:
    rows = [("name", "Quistgaard", "7"), ("MRN", "4532521", ""), ("PLACE", "Vexcombe, Hill Road", "8")]
    csv, tsv, lines, whole = (tmp_path / name for name in ("a.csv", "a.tsv", "a.jsonl", "a.json"))
    csv.write_text(
        "\ufeffcategory,value,subject\n" + "".join(f'{a},"{b}",{c}\n' for a, b, c in rows), encoding="utf-8"
    )
    tsv.write_text(
        "category\tvalue\tsubject\n" + "".join("\t".join(row) + "\n" for row in rows), encoding="utf-8"
    )
    objects = [dict(zip(("category", "value", "subject"), row, strict=True)) for row in rows]
    lines.write_text("".join(json.dumps(each) + "\n" for each in objects), encoding="utf-8")
    whole.write_text(json.dumps(objects), encoding="utf-8")
    for path in (csv, tsv, lines, whole):
        general, subjects = read_known(path)
        assert general == Known([("MRN", "4532521")])
        assert subjects == {
            "7": Known([("MRN", "4532521"), ("NAME", "Quistgaard")]),
            "8": Known([("MRN", "4532521"), ("PLACE", "Vexcombe, Hill Road")]),
        }
        assert len(Known.from_file(path)) == 3


def test_a_table_keeps_line_ends_in_quotes_and_takes_other_separators(tmp_path: Path) -> None:
    path = tmp_path / "known"
    path.write_text('Category;Value\r\nPLACE;"12 Hill Road\nVexcombe"\r\n\r\n', encoding="utf-8", newline="")
    assert read_known(path)[0].facts == (("PLACE", "12 Hill Road\nVexcombe"),)
    path.write_text('{"category": "NAME", "value": "Quist\u2028Gaard"}\n', encoding="utf-8")
    assert read_known(path)[0].facts == (("NAME", "Quist\u2028Gaard"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,value\nNAME,Quistgaard\n", "no columns"), ("category,value\nNAMES,Quistgaard\n", "line 2 names no category"),
        ('{"category": ', "neither CSV nor JSON"), ('["Quistgaard"]', "line 1 is no object"),
        ("category,value\nNAME,Quistgaard, Ann\n", "line 2 has more cells"),
        ('{"category": "NAME", "value": {"first": "Quistgaard"}}\n', "line 1 has a value that is neither"),
        (f"category,value\nNAME,{'Quistgaard ' * 60}\n", "line 2 has a value of more than 512"),
        (f"category,value\nNAME,{'Quistgaard ' * 20_000}\n", "neither CSV nor JSON"), ("[" * 100_000, "neither CSV nor JSON"),
        ('category,value\nNAME,"Quistgaard\n', "neither CSV nor JSON"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_named_and_not_quoted(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "known"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said) as caught:
        read_known(path)
    assert "Quistgaard" not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(InputError, match="can't be read"):
        read_known(tmp_path / "missing")


def test_a_category_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no such category: SHOE"):
        Known([("SHOE", "44")])


@pytest.mark.parametrize(
    "unit",
    ["Quistgaar ", "4532 ", "1.", "12/", "O.", "a-", "12 march ", "\u0301", "brown ", "\u1100\u1161", "quistgaar", "J. ", "B ", "_1"],
)  # fmt: skip
def test_the_time_grows_with_the_length_only(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        start = time.process_time()
        Known(PATIENT.facts).find(text)
        return time.process_time() - start

    seconds(1000)
    # Ten times the text may take some thirty times as long before this fails: a square would take a hundred times.
    # The quicker of two runs counts, for the machine may be busy with something else.
    assert min(seconds(100_000), seconds(100_000)) < 30 * max(seconds(10_000), 0.02)
