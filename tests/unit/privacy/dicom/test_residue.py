"""Needles are found in every spelling, and nowhere else."""

from __future__ import annotations

import string
from collections.abc import Iterable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.privacy.dicom import residue
from medcli.privacy.dicom.residue import LONG, Needles, needles
from medcli.privacy.dicom.rewriting import Found
from tests.privacy import wire
from tests.unit.privacy.dicom.samples import STUDY

NAME, ID, UID, BIRTH, PLACE = 0x00100010, 0x00100020, 0x0020000D, 0x00100030, 0x00080080


def hunt(vr: str, raw: bytes | str, charset: bytes = b"", tag: int = NAME, **how: Iterable[bytes]) -> Needles:
    value = raw if isinstance(raw, bytes) else raw.encode("latin-1")
    return needles([Found(vr, tag, value, charset)], how.get("kept", ()), how.get("makers", ()))


def finds(hidden: Needles, hay: bytes | str) -> bool:
    data = hay if isinstance(hay, bytes) else hay.encode("latin-1")
    hit = hidden.search(data)
    assert hit in (None, NAME, ID, UID, BIRTH, PLACE)
    return hit is not None


PERSON = hunt("PN", "Mustermann^Erika^Maria^Dr=\0 ")


@pytest.mark.parametrize(
    "hay",
    [
        "Mustermann",
        "MUSTERMANN",
        "mustermann",
        "Erika",
        "seen with ERIKA today",
        "Mustermann^Erika",
        "Mustermann, Erika",
        "Erika Mustermann",
        "Erika_Mustermann",
        "Mustermann,Erika",
        "Maria",
        "file:///scans/mustermann/1.dcm",
        "\0Mustermann\0",
        "(Erika)",
        "x=Erika;",
    ],
)
def test_a_name_is_found_in_its_spellings(hay: str):
    assert finds(PERSON, hay)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_a_name_is_found_as_utf_16(codec: str):
    assert finds(PERSON, "of Mustermann".encode(codec).decode("latin-1"))


@pytest.mark.parametrize(
    "hay",
    [
        "Mustermanns",
        "xMustermann",
        "Erikason",
        "HERIKA2",
        "Mariae",
        "1Erika",
        "M\xfcller",
        "Must ermann",
        "Muster mann",
        "",
        "Dr. med.",
    ],
)
def test_a_name_is_not_found_in_longer_words(hay: str):
    assert not finds(PERSON, hay)


words = st.text(string.ascii_letters, min_size=4, max_size=12).filter(lambda word: len(set(word)) > 1)
around = st.binary(max_size=12)
not_word = st.sampled_from([b" ", b"^", b"\0", b",", b"=", b"\\", b"-", b"/", b"\n", b"(", b"."])
in_word = st.sampled_from([b"a", b"Z", b"0", b"9", b"\xe4"])


@given(words, around, not_word, not_word, around)
def test_any_word_is_found_at_its_boundaries(
    word: str, before: bytes, left: bytes, right: bytes, behind: bytes
):
    hidden = hunt("PN", word)
    expected = word.lower() not in residue._PLACEHOLDERS | {"removed"}
    assert finds(hidden, before + left + word.swapcase().encode() + right + behind) == expected


@given(words, in_word, in_word)
def test_no_word_is_found_inside_a_longer_one(word: str, left: bytes, right: bytes):
    hidden, raw = hunt("LO", word, tag=ID), word.encode()
    assert not finds(hidden, b" " + left + raw + b" ")
    assert not finds(hidden, b" " + raw + right + b" ")


@given(words, st.integers(0, 30))
def test_a_second_occurrence_counts_where_the_first_does_not(word: str, gap: int):
    raw = word.encode()
    if word.lower() != "removed":
        assert finds(hunt("LO", word, tag=ID), b"x" + raw + b"x" * gap + b" " + raw)


@pytest.mark.parametrize(
    ("raw", "hay"),
    [
        ("Meyer-Landrut^Lena", "Landrut"),
        ("O'Connor^Sinead", "Connor"),
        ("van der Berg^Jan", "Berg"),
        ("van der Berg^Jan", "van der Berg"),
        ("Smith (geb. Lang)^Jo", "Lang"),
        ("Yamada^Tarou=X=Y", "Tarou"),
        ("Huber^Anna\\Maier^Otto", "Maier"),
        ("Adams^John Robert Quincy^^Rev.^B.A. M.Div.", "Quincy"),
    ],
)
def test_parts_of_names_are_found(raw: str, hay: str):
    assert finds(hunt("PN", raw), f"by {hay} yesterday")


@pytest.mark.parametrize(
    "raw",
    ["Anonymous^", "UNKNOWN", "^^^", "", " ", "\0", "REMOVED", "none^none", "Anonymized^Anonymous", "X^Y"],
)
def test_nobody_is_not_searched_for(raw: str):
    for word in (b"anonymous", b"unknown", b"removed", b"none", b"anonymized", b"x", b"y", b"^", b" \0 "):
        assert not finds(hunt("PN", raw), b" " + word + b" ")


@pytest.mark.parametrize("title", ["Mr", "Dr", "MD", "Prof", "Frau", "Mrs", "PhD"])
def test_titles_name_nobody(title: str):
    hidden = hunt("PN", f"Smith^John^^{title}^{title}")
    assert not finds(hidden, wire.element(0x00081030, "LO", title.upper(), wire.Syntax(implicit=True)))
    assert not finds(hidden, f" {title} ")


IDENTIFIER = hunt("LO", "PAT-4711.X", tag=ID)


@pytest.mark.parametrize("hay", ["PAT-4711.X", "pat-4711.x", "PAT4711X", "ID=PAT-4711.X,", "pat4711x"])
def test_an_identifier_is_found_with_and_without_its_marks(hay: str):
    assert finds(IDENTIFIER, hay)


@pytest.mark.parametrize("hay", ["PAT-4711.XY", "1PAT4711X", "4711", "PAT", "PAT-4711-X"])
def test_an_identifier_is_not_found_in_others(hay: str):
    assert not finds(IDENTIFIER, hay)


LAYOUTS = {
    "explicit": wire.PLAIN,
    "implicit": wire.Syntax(implicit=True),
    "big-endian": wire.Syntax(little=False),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("vr", "tag"), [("LO", 0x00081030), ("UT", 0x0040A160), ("SH", 0x00081010), ("PN", NAME)]
)
@pytest.mark.parametrize("value", ["Li", "LI ", "li\\Other", "li \\b"])
def test_a_short_needle_is_found_as_a_whole_value(layout: str, vr: str, tag: int, value: str):
    data = bytes(16) + wire.element(tag, vr, value, LAYOUTS[layout]) + bytes(9)
    assert finds(hunt("PN", "Li^Wu"), data)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_short_needle_is_found_as_a_later_value(layout: str):
    data = bytes(16) + wire.element(0x00081030, "LO", "Other\\Li", LAYOUTS[layout])
    assert finds(hunt("PN", "Li^Wu"), data)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("vr", "tag", "value"),
    [
        ("LO", 0x00081030, "Li is here"),
        ("LO", 0x00081030, "Liver"),
        ("LO", 0x00081030, "the Li"),
        ("CS", 0x00080060, "LI"),
        ("OB", 0x00281201, "Li"),
        ("US", 0x00280010, "Li"),
        ("DS", 0x00180050, "Li"),
    ],
)
def test_a_short_needle_is_found_nowhere_else(layout: str, vr: str, tag: int, value: str):
    data = bytes(16) + wire.element(tag, vr, value, LAYOUTS[layout]) + bytes(8)
    assert not finds(hunt("PN", "Li^Wu"), data)


FORMS = [
    *("{y}{m}{d}", "{y}-{m}-{d}", "{y}.{m}.{d}", "{y}/{m}/{d}", "{d}{m}{y}", "{m}{d}{y}"),
    *("{d}.{m}.{y}", "{d}-{m}-{y}", "{d}/{m}/{y}", "{m}/{d}/{y}", "{m}-{d}-{y}"),
    *("{sm}/{sd}/{y}", "{sd}.{sm}.{y}", "{sd}/{sm}/{y}"),
    *(
        "{d}-{mon}-{y}",
        "{sd}-{mon}-{y}",
        "{d}{mon}{y}",
        "{d} {mon} {y}",
        "{sd} {mon} {y}",
        "{sd} {month} {y}",
    ),
    *("{mon} {sd}, {y}", "{month} {sd}, {y}", "{mon} {d} {y}", "{month} {d}, {y}"),
]


@given(st.dates(date(1900, 1, 2), date(2100, 1, 1)), st.sampled_from(FORMS), st.booleans(), not_word)
def test_a_date_is_found_in_its_spellings(day: date, form: str, upper: bool, mark: bytes):
    spelt = form.format(
        y=f"{day:%Y}",
        m=f"{day:%m}",
        d=f"{day:%d}",
        sm=day.month,
        sd=day.day,
        mon=f"{day:%b}",
        month=f"{day:%B}",
    )
    hidden = hunt("DA", f"{day:%Y%m%d}", tag=BIRTH)
    hay = mark + (spelt.upper() if upper else spelt).encode() + mark
    assert finds(hidden, b"x" * 40 + hay + b"x" * 40)
    assert not finds(hidden, b"1" + hay[1:-1] + b"1")


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_another_date_is_not_found(one: date, other: date):
    if one != other:
        assert not finds(hunt("DA", f"{one:%Y%m%d}", tag=BIRTH), f" {other:%Y%m%d} {other:%Y-%m-%d} ")


@pytest.mark.parametrize("raw", [b"20150304", b"2015.03.04", b"20150304101112.5+0100", b"20140101-20150304"])
def test_the_days_of_any_date_are_searched_for(raw: bytes):
    hidden = hunt("DT" if len(raw) > 17 else "DA", raw, tag=BIRTH)
    assert finds(hidden, " 2015-03-04 ")
    assert not finds(hidden, " 2015-03-05 101112.5 2015 ")


@pytest.mark.parametrize("raw", [b"", b"  ", b"2015", b"201503", b"00000000", b"not a date", b"20159904"])
def test_what_is_no_day_is_not_searched_for(raw: bytes):
    assert not hunt("DA", raw, tag=BIRTH).years


def test_times_ages_and_numbers_are_not_searched_for():
    for vr in ("TM", "AS", "CS", "DS", "IS", "US", "OB", "SQ", "UN"):
        hidden = hunt(vr, b"101112  ", tag=BIRTH)
        assert hidden == Needles()


UIDS = hunt("UI", f"{STUDY}\0", tag=UID)


@pytest.mark.parametrize("hay", [STUDY, f"uid {STUDY}\0", f"urn:oid:{STUDY}/", f"a{STUDY}b"])
def test_a_uid_is_found(hay: str):
    assert finds(UIDS, hay)


@pytest.mark.parametrize("hay", [f"{STUDY}.1", f"{STUDY}1", f"1.{STUDY}", STUDY[:-1], f"9{STUDY}"])
def test_a_uid_is_not_found_in_a_longer_one(hay: str):
    assert not finds(UIDS, hay)


@pytest.mark.parametrize("raw", ["1.2.840.10008.5.1.4.1.1.2", "", "1.2.3"])
def test_registered_and_tiny_uids_are_not_searched_for(raw: str):
    assert not hunt("UI", raw, tag=UID).uids


def test_every_uid_of_a_list_is_searched_for():
    hidden = hunt("UI", "1.2.3.4.5.6\\1.2.3.4.5.7 ", tag=UID)
    assert finds(hidden, "1.2.3.4.5.6")
    assert finds(hidden, "1.2.3.4.5.7")


NAMES = {
    b"ISO_IR 100": ("Müller^Jürgen", "latin-1"),
    b"ISO_IR 101": ("Wałęsa^Stanisław", "iso8859-2"),
    b"ISO_IR 144": ("Ивановский^Иван", "iso8859-5"),
    b"ISO_IR 126": ("Διονυσιος^Αθηνα", "iso8859-7"),
    b"ISO_IR 127": ("قباني^لنزار", "iso8859-6"),
    b"ISO_IR 138": ("שרון^דבורה", "iso8859-8"),
    b"ISO_IR 148": ("Çavuşoğlu^İbrahim", "iso8859-9"),
    b"ISO_IR 166": ("นามสกุล^ชื่อ", "iso8859-11"),
    b"ISO_IR 13": ("ﾔﾏﾀﾞ^ﾀﾛｳ", "shift_jis"),
    b"ISO_IR 192": ("Müller^Jürgen", "utf-8"),
    b"GB18030": ("王小东^李华", "gb18030"),
    b"GBK": ("王小东^李华", "gbk"),
}


@pytest.mark.parametrize("charset", NAMES)
@pytest.mark.parametrize("codec", ["", "utf-8"])
def test_a_name_is_found_in_the_bytes_of_its_character_set_and_in_utf_8(charset: bytes, codec: str):
    name, own = NAMES[charset]
    hidden = hunt("PN", name.encode(own), charset)
    family, given_name = name.split("^")
    for spelt in (family, family.upper(), family.lower(), name, f"{given_name} {family}"):
        try:
            raw = spelt.encode(codec or own)
        except UnicodeEncodeError:
            continue  # a capital that the character set does not have
        assert finds(hidden, b"(" + raw + b")"), spelt


ESCAPED = [
    (b"\\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"),
    (b"\\ISO 2022 IR 149", b"Hong^Gildong=\x1b$)C\xfb\xf3\xd1\xce^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab\xb1\xe6^\x1b$)C\xb1\xe6\xb5\xbf"),
    (b"\\ISO 2022 IR 58", b"Zhang^XiaoDong=\x1b$)A\xd5\xc5\xb6\xab^\x1b$)A\xd0\xa1\xb6\xab="),
    (b"ISO 2022 IR 100\\ISO 2022 IR 144", b"M\xfcller^Ivan=\x1b-L\xb8\xd2\xd0\xdd\xde\xd2^\x1b-L\xb8\xd2\xd0\xdd"),
]  # fmt: skip


@pytest.mark.parametrize(("charset", "raw"), ESCAPED)
@pytest.mark.parametrize("group", [0, 1])
def test_an_escaped_name_is_found_where_it_survives(charset: bytes, raw: bytes, group: int):
    hidden, part = hunt("PN", raw, charset), raw.split(b"=")[group]
    for survivor in (part, part.split(b"^")[0], part.split(b"^")[1]):
        assert finds(hidden, wire.element(0x00324000, "LT", survivor) + bytes(8)), survivor


def test_an_escaped_name_is_found_whichever_way_its_escape_ends():
    charset, raw = ESCAPED[0]
    for end in (b"\x1b(B", b"\x1b(J"):
        assert finds(hunt("PN", raw, charset), b"x \x1b$B;3ED" + end + b" y")


def test_an_escaped_name_is_found_in_utf_8():
    for (charset, raw), family in zip(ESCAPED[:3], ("山田", "洪吉", "张东"), strict=True):
        assert finds(hunt("PN", raw, charset), f"({family})".encode())


@pytest.mark.parametrize("kept", ["Mustermann", "at Mustermann's, Berlin", "MUSTERMANN"])
def test_what_an_option_keeps_is_not_searched_for(kept: str):
    hidden = hunt("PN", "Mustermann^Erika", kept=[kept.encode()])
    assert not finds(hidden, "Mustermann")
    assert finds(hidden, "Erika")


@pytest.mark.parametrize(
    ("vr", "raw", "kept"),
    [
        ("LO", "4711", b"1.2.34711.5\0"),
        ("LO", "4711", b"20154711 "),
        ("PN", "Mustermann", b"Mustermannstrasse 4"),
        ("PN", "Wolf", b"Wolfsburg"),
        ("DA", "20150304", b"20150304101112"),
    ],
)
def test_a_kept_value_excuses_nothing_that_only_begins_it(vr: str, raw: str, kept: bytes):
    assert finds(hunt(vr, raw, tag=ID, kept=[kept]), f"about {raw} at last")


def test_a_kept_uid_excuses_no_other():
    hidden = hunt("UI", "1.2.3.4.5.6", tag=UID, kept=[b"1.2.3.4.5.66\0", b"7.1.2.3.4.5.6"])
    assert finds(hidden, "1.2.3.4.5.6")
    assert not finds(hunt("UI", "1.2.3.4.5.6", tag=UID, kept=[b"1.2.3.4.5.6\0"]), "1.2.3.4.5.6")


def test_a_maker_excuses_places_of_its_name_but_no_person():
    makers = [b"Siemens Healthcare"]
    assert not finds(hunt("LO", "Siemens", tag=PLACE, makers=makers), "Siemens")
    assert finds(hunt("PN", "Siemens^Werner", makers=makers), "Siemens")


def test_our_own_words_are_no_residue():
    for vr, raw in (("LO", "REMOVED"), ("DA", "19000101"), ("UR", "urn:removed")):
        assert not finds(hunt(vr, raw), f" {raw} ")


def test_dense_bytes_are_searched_for_long_needles_only():
    hidden = hunt("PN", "Mustermann^Anna")
    assert hidden.search_dense([b"\x80..", b"\x01Mustermann\x02"]) == NAME
    assert hidden.search_dense([b"\x01Anna\x02"]) is None
    assert len("Mustermann") >= LONG > len("Anna")
    assert Needles().search_dense(iter([b"x"])) is None


@given(
    st.binary(max_size=200),
    st.binary(min_size=1, max_size=40),
    st.sampled_from(["PN", "LO", "DA", "UI", "DT", "UT"]),
)
def test_no_value_and_no_bytes_break_the_search(hay: bytes, raw: bytes, vr: str):
    for charset in (b"", b"ISO_IR 100", b"\\ISO 2022 IR 87", b"ISO_IR 192", b"junk"):
        hunt(vr, raw, charset).search(hay)


@given(st.text(max_size=12), st.sampled_from([b"ISO_IR 192", b"ISO_IR 100", b"GB18030"]))
def test_a_whole_value_is_always_found(text: str, charset: bytes):
    codec = {b"ISO_IR 192": "utf-8", b"ISO_IR 100": "latin-1", b"GB18030": "gb18030"}[charset]
    try:
        raw = text.encode(codec)
    except UnicodeEncodeError:
        return
    bare = text.strip("\0 \t\r\n")
    letters = [char for char in bare if char.isalnum()]
    if len(letters) != len(bare) or len(set(bare)) < 2 or len(raw) < 4 or bare.lower() == "removed":
        return
    assert finds(hunt("LO", raw, charset, tag=ID), b"[" + raw + b"]")


#: Tags whose header begins with a letter, a digit or a byte above 127 in little endian.
NEIGHBOURS = [
    0x00321060,
    0x00380010,
    0x00420010,
    0x00440001,
    0x00540010,
    0x00700001,
    0x00740121,
    0x7FE00010,
    0x00880130,
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("neighbour", [*NEIGHBOURS, 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD])
@pytest.mark.parametrize(("vr", "raw"), [("PN", b"Muster"), ("UI", STUDY.encode()), ("DA", b"20150304")])
def test_the_header_of_the_next_element_is_no_letter(layout: str, neighbour: int, vr: str, raw: bytes):
    syntax = LAYOUTS[layout]
    value = raw if len(raw) % 2 == 0 else b" " + raw  # so that no padding stands between
    if neighbour < 0xFFFE0000:
        behind = wire.element(neighbour, "LO", "ab", syntax)
    else:
        behind = wire.head(neighbour, "", wire.UNDEFINED if neighbour == wire.ITEM else 0, syntax)
    data = wire.element(0x00080081, "ST", value, syntax) + behind + bytes(8)
    assert finds(hunt(vr, raw, tag=UID), data)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [0x30, 0x42, 0x62, 0x7A, 0x3030, 0x4142])
@pytest.mark.parametrize("vr", ["ST", "UT"])
def test_the_length_before_a_value_is_no_letter(layout: str, size: int, vr: str):
    value = b"Muster, " + b"-" * (size - 8)
    assert finds(hunt("PN", "Muster"), wire.element(0x00080081, vr, value, LAYOUTS[layout]))


@pytest.mark.parametrize("size", [0x08, 0x30, 0x41, 0x7A])
def test_a_segment_of_jpeg_is_no_longer_word(size: int):
    text = b" " * (size - 8) + b"Muster"
    stream = b"\xff\xd8\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + b"\xff\xdb\0\4ab"
    assert finds(hunt("PN", "Muster"), stream)
    first = b"\xff\xfe" + size.to_bytes(2, "big") + b"Muster" + b" " * (size - 8) + b"\xff\xdb\0\4ab"
    assert finds(hunt("PN", "Muster"), b"\xff\xd8" + first)


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_in_dense_bytes_any_neighbour_will_do(before: bytes, behind: bytes):
    assert hunt("PN", "Mustermann").search_dense([before + b"MUSTERMANN" + behind]) == NAME


def test_in_dense_bytes_a_longer_uid_is_another():
    hidden = hunt("UI", STUDY, tag=UID)
    assert hidden.search_dense([b"\xf0" + STUDY.encode() + b"a"]) == UID
    assert hidden.search_dense([b"\xf0" + STUDY.encode() + b".7"]) is None


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("value", ["1500", "-1500\\3.2", "0.1500", "12.5\\1500 ", "1.5\\" * 12 + "1500"])
def test_a_measure_is_no_identifier(layout: str, value: str):
    hidden, syntax = hunt("LO", "1500", tag=ID), LAYOUTS[layout]
    for tag, vr in ((0x00180080, "DS"), (0x00200013, "IS")):
        assert not finds(hidden, bytes(16) + wire.element(tag, vr, value, syntax) + bytes(8))
    for tag, vr in ((0x00181030, "LO"), (0x00281055, "LO"), (0x00204000, "LT")):
        assert finds(hidden, bytes(16) + wire.element(tag, vr, value, syntax) + bytes(8))


def test_a_long_number_is_an_identifier_anywhere():
    data = bytes(16) + wire.element(0x00200013, "IS", "47110815")
    assert finds(hunt("LO", "47110815", tag=ID), data)


@pytest.mark.parametrize("raw", ["00000", "----", "xxxxxx", "1111"])
def test_one_character_again_and_again_identifies_nobody(raw: str):
    assert not finds(hunt("LO", raw, tag=ID), f" {raw} ")
