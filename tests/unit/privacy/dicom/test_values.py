"""Single values: dates that move, ages, dummies, texts."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import config
from pydicom.charset import python_encoding
from pydicom.valuerep import DA, DT, validate_value

from medcli.privacy.dicom import values
from medcli.privacy.dicom.encoding import SIZES, VRS
from medcli.privacy.dicom.values import cap_age, decode, is_date, shift

days = st.integers(-40_000, 40_000).filter(bool)
dates = st.dates(date(1850, 1, 1), date(2150, 12, 31))
dates_in_da = st.sampled_from(["%Y%m%d", "%Y.%m.%d"])
zones = st.sampled_from(["", "+0000", "-1200", "+1400", "+0545"])
clocks = st.sampled_from(["", "09", "0930", "093015", "093015.5", "235959.999999"])


def stamp(moment: date, form: str = "%Y%m%d") -> bytes:
    return moment.strftime(form).encode()


@given(dates, days, dates_in_da)
def test_a_date_moves_by_whole_days_and_back(moment: date, by: int, form: str):
    moved = shift("DA", stamp(moment, form), by)
    assert moved == stamp(moment + timedelta(by), form)
    assert shift("DA", moved, -by) == stamp(moment, form)


@given(st.lists(dates, min_size=1, max_size=4), days)
def test_every_value_moves(moments: list[date], by: int):
    moved = shift("DA", b"\\".join(map(stamp, moments)), by)
    assert moved == b"\\".join(stamp(moment + timedelta(by)) for moment in moments)


@given(dates, dates, days)
def test_both_ends_of_a_range_move(first: date, last: date, by: int):
    new = [stamp(moment + timedelta(by)) for moment in (first, last)]
    assert shift("DA", stamp(first) + b"-" + stamp(last), by) == b"-".join(new)
    assert shift("DA", b"-" + stamp(last), by) == b"-" + new[1]


@given(dates, days, clocks, zones)
def test_time_and_zone_of_a_date_time_stay(moment: date, by: int, clock: str, zone: str):
    behind = (clock + zone).encode()
    moved = shift("DT", stamp(moment) + behind, by)
    assert moved == stamp(moment + timedelta(by)) + behind
    assert DT(moved.decode()) is not None


@given(dates, days, st.sampled_from([4, 6]), zones)
def test_a_partial_date_time_keeps_its_form(moment: date, by: int, digits: int, zone: str):
    first = moment.replace(day=1) if digits == 6 else moment.replace(day=1, month=1)
    moved = shift("DT", stamp(moment)[:digits] + zone.encode(), by)
    assert moved == stamp(first + timedelta(by))[:digits] + zone.encode()


@given(dates, days, st.sampled_from([b" ", b"\0", b"  "]))
def test_padding_does_not_matter(moment: date, by: int, pad: bytes):
    for vr in ("DA", "DT"):
        assert shift(vr, stamp(moment) + pad, by) == shift(vr, stamp(moment), by)


@pytest.mark.parametrize("empty", [b"", b" ", b"\\", b"20200101\\"])
def test_empty_values_stay_empty(empty: bytes):
    moved = shift("DA", empty, 5)
    assert moved is not None
    assert [bool(part.strip()) for part in moved.split(b"\\")] == [
        bool(part.strip()) for part in empty.rstrip(b" ").split(b"\\")
    ]


@pytest.mark.parametrize("raw", [b"093015", b"09:30:15", b"093015.123456", b"", b"0930\\1015", b"23"])
def test_times_stay(raw: bytes):
    assert shift("TM", raw, 100) == raw


@pytest.mark.parametrize(
    ("vr", "raw"),
    [
        ("DA", b"Mustermann"),
        ("DA", b"2020013"),
        ("DA", b"20201332"),
        ("DA", b"20210229"),
        ("DA", b"00000101"),
        ("DA", b"2020-01-01"),
        ("DA", b"20200101 Erika"),
        ("DA", b"20200101\\x"),
        ("DA", b"202O0101"),
        ("DA", "\N{FULLWIDTH DIGIT TWO}0200101".encode()),
        ("DT", b"20200101x"),
        ("DT", b"202"),
        ("DT", b"20200101123456.1234567"),
        ("DT", b"202001011234.5"),
        ("DT", b"20200101-20210101"),
        ("TM", b"noon"),
        ("TM", b"1:2"),
    ],
)
def test_what_is_no_date_does_not_move(vr: str, raw: bytes):
    assert shift(vr, raw, 30) is None


@pytest.mark.parametrize(("raw", "by"), [(b"00010103", -10), (b"99991230", 10), (b"20200101", 10**9)])
def test_a_date_does_not_leave_the_calendar(raw: bytes, by: int):
    assert shift("DA", raw, by) is None


@given(st.binary(max_size=30), days)
def test_shifting_never_lets_letters_through(raw: bytes, by: int):
    for vr in ("DA", "DT", "TM"):
        moved = shift(vr, raw, by)
        assert moved is None or re.fullmatch(rb"[0-9.:+\-\\\s\0]*", moved)


@given(dates, clocks)
def test_dates_that_pydicom_takes_are_dates(moment: date, clock: str):
    assert is_date("DA", stamp(moment))
    assert DA(stamp(moment).decode()) == moment
    assert is_date("DT", stamp(moment) + clock.encode())
    assert is_date("TM", clock.encode())


@pytest.mark.parametrize(
    ("age", "capped"),
    [
        (b"089Y", b"089Y"),
        (b"090Y", b"090Y"),
        (b"90Y", b"090Y"),
        (b"103Y", b"090Y"),
        (b"999Y ", b"090Y"),
        (b"1079M", b"1079M"),
        (b"1080M", b"090Y"),
        (b"4679W", b"4679W"),
        (b"4680W", b"090Y"),
        (b"9999D", b"9999D"),
        (b"014D", b"014D"),
        (b"", b""),
        (b"\0\0", b"\0\0"),
        (b"045Y\\095Y", b"045Y\\090Y"),
        (b"old", None),
        (b"095", None),
        (b"95 Y", None),
        (b"-95Y", None),
        (b"095Y\\Erika", None),
        (b"12345D", None),
    ],
)
def test_ages_over_89_are_one(age: bytes, capped: bytes | None):
    assert cap_age(age) == capped


@given(st.integers(0, 9999), st.sampled_from("DWMY"))
def test_no_age_of_more_than_89_years_is_left(number: int, unit: str):
    capped = cap_age(f"{number:03d}{unit}".encode())
    years = number / {"D": 365.25, "W": 52.1775, "M": 12, "Y": 1}[unit]
    assert (capped == b"090Y") if years >= 90 else (capped in (b"090Y", f"{number:03d}{unit}".encode()))
    assert years > 89.5 or capped != b"090Y" or number == 90


@pytest.mark.parametrize("vr", sorted(vr.decode() for vr in VRS - {b"SQ"}))
def test_every_vr_has_a_legal_dummy(vr: str):
    dummy = values.dummy(vr)
    if vr in SIZES:
        assert dummy == bytes(SIZES[vr])
    elif vr != "UI":  # a UI never gets one: its dummy is a new UID
        text = dummy if vr in ("OB", "OW", "OD", "OF", "OL", "OV", "UN") else dummy.decode()
        validate_value(vr, text, config.RAISE)
        assert dummy


def test_the_stand_in_pdf_is_sound():
    pdf = values.dummy_document(b"%PDF-1.7 Mustermann")
    assert pdf.startswith(b"%PDF-1.4\n")
    assert pdf.endswith(b"%%EOF\n")
    table = int(re.search(rb"startxref\n(\d+)\n", pdf)[1])
    assert pdf[table:].startswith(b"xref\n0 4\n")
    entries = re.findall(rb"(\d{10}) \d{5} ([nf]) \n", pdf[table:])
    assert [kind for _, kind in entries] == [b"f", b"n", b"n", b"n"]
    for number, (offset, _) in enumerate(entries[1:], 1):
        assert pdf[int(offset) :].startswith(b"%d 0 obj" % number)
        assert pdf.index(b"endobj", int(offset))
    assert b"/Root 1 0 R" in pdf
    assert b"Mustermann" not in pdf


@pytest.mark.parametrize(
    ("raw", "stand_in"),
    [
        (b"<?xml version='1.0'?><ClinicalDocument/>", b"<removed/>"),
        (b"\xef\xbb\xbf\n <a>", b"<removed/>"),
        (b"solid Erika", b"\0\0"),
        (b"", b"\0\0"),
        (b"PK\3\4", b"\0\0"),
    ],
)
def test_other_documents_have_their_stand_ins(raw: bytes, stand_in: bytes):
    assert values.dummy_document(raw) == stand_in


def test_a_pdf_behind_junk_is_still_one():
    assert values.dummy_document(b"junk " * 20 + b"%PDF-1.5").startswith(b"%PDF")


CHARSETS = {
    b"": "ERIKA",
    b"ISO_IR 100": "Müller^Jürgen",
    b"ISO_IR 101": "Wałęsa^Źdźbło",
    b"ISO_IR 109": "Ĥaŭlo^Ĉiĝo",
    b"ISO_IR 110": "Bērziņš^Ūla",
    b"ISO_IR 144": "\N{CYRILLIC CAPITAL LETTER EL}юкс^Иван",
    b"ISO_IR 127": "قباني^لنزار",
    b"ISO_IR 126": "Διονυσιος^Αθηνα",
    b"ISO_IR 138": "שרון^דבורה",
    b"ISO_IR 148": "Çavuşoğlu^İbrahim",
    b"ISO_IR 166": "นามสกุล^ชื่อ",
    b"ISO_IR 13": "ﾔﾏﾀﾞ^ﾀﾛｳ",
    b"ISO_IR 192": "王^小東=山田^太郎",
    b"GB18030": "王^小东",
    b"GBK": "王^小东",
}


@pytest.mark.parametrize("charset", CHARSETS)
def test_single_character_sets_are_read(charset: bytes):
    text = CHARSETS[charset]
    codec = python_encoding[charset.decode()]
    assert decode(text.encode(codec if charset else "ascii"), charset) == text


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        (
            b"\\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
            "Yamada^Tarou=山田^太郎",
        ),
        (b"\\ISO 2022 IR 149", b"Hong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", "Hong=洪^吉洞"),
        (b"\\ISO 2022 IR 58", b"Zhang=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab", "Zhang=张^小东"),
        (b"ISO 2022 IR 100\\ISO 2022 IR 144", b"M\xfcller\x1b-L^\xb8\xd2\xd0\xdd", None),
    ],
)
def test_escapes_are_followed(charset: bytes, raw: bytes, text: str | None):
    found = decode(raw, charset)
    assert found == text if text else "Müller" in found


@given(
    st.binary(max_size=40), st.sampled_from([*CHARSETS, b"\\ISO 2022 IR 87", b"nonsense", b"\\\\", b"\xff"])
)
def test_decoding_never_fails(raw: bytes, charset: bytes):
    assert isinstance(decode(raw, charset), str)


@given(
    st.lists(st.sampled_from([b"\x1b$B", b"\x1b(B", b"\x1b", b"\x1b$)C", b"\x1b-Z", b"abc", b"\xfc", b"^="]))
)
def test_decoding_broken_escapes_never_fails(parts: list[bytes]):
    for charset in (b"", b"\\ISO 2022 IR 87", b"ISO 2022 IR 100\\ISO 2022 IR 149", b"ISO_IR 192"):
        assert isinstance(decode(b"".join(parts), charset), str)


@pytest.mark.parametrize(
    ("raw", "fine"),
    [
        (b"1.5\\2", True),
        (b" -1E+5 ", True),
        (b"", True),
        (b"12\0", True),
        (b"1,5", False),
        (b"Erika", False),
        (b"1\t", False),
    ],
)
def test_numbers(raw: bytes, fine: bool):
    assert values.is_number(raw) == fine


@pytest.mark.parametrize(
    ("raw", "fine"),
    [
        (b"ORIGINAL\\PRIMARY", True),
        (b"", True),
        (b"\\", True),
        (b"Head First-Supine ", False),
        (b"HFS-1_a", True),
        (b"Smith^Jane", False),
        (b"A" * 17, False),
        (b"M\xfcller", False),
        (b"A\nB", False),
    ],
)
def test_code_strings(raw: bytes, fine: bool):
    assert values.is_code_string(raw) == fine


@pytest.mark.parametrize(
    ("raw", "fine"),
    [
        (b"plain text\r\n\tmore\f", True),
        (b"\x1b$B;3ED\x1b(B", True),
        (b"M\xfcller\0\0", True),
        (b"a\0b", False),
        (b"\x10\0\x10\0PN", False),
        (b"\x07", False),
    ],
)
def test_text_holds_no_other_element(raw: bytes, fine: bool):
    assert values.is_text(raw) == fine


@pytest.mark.parametrize(
    ("raw", "fine"),
    [
        (b"+0100", True),
        (b"-0930 ", True),
        (b"+0100\0", True),
        (b"", False),
        (b"CET", False),
        (b"+01:00", False),
        (b"+0100 Erika", False),
    ],
)
def test_time_zones(raw: bytes, fine: bool):
    assert values.is_zone(raw) == fine
