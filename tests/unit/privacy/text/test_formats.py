"""Texts as strings with their places: nothing but the edited strings ever changes."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Sequence
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.privacy.text.formats.json_text import Json
from medcli.privacy.text.formats.prose import Prose
from medcli.privacy.text.formats.reading import Reading, opened
from medcli.privacy.text.formats.table import Table
from medcli.privacy.text.formats.token import Edit, Format, Token, Unfit, spliced
from medcli.privacy.text.formats.xml_text import Xml

LETTERS = st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n")
WORDS = st.text(LETTERS, max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)


def edited(record: str, form: Format, tokens: Sequence[Token], new: str) -> str:
    """The record with `new` for the middle of each text."""
    pieces = []
    for token in tokens:
        start = len(token.text) // 3
        pieces.append(form.spelt(record, token, [Edit(start, len(token.text) - start, new)]))
    return spliced(record, pieces)


def as_edited(text: str, new: str) -> str:
    start = len(text) // 3
    return text[:start] + new + text[len(text) - start :]


def everywhere(value: object, new: str) -> object:
    if isinstance(value, str):
        return as_edited(value, new)
    if isinstance(value, list):
        return [everywhere(one, new) for one in value]
    if isinstance(value, dict):
        return {name: everywhere(one, new) for name, one in value.items()}
    return value


@given(VALUES, WORDS, st.sampled_from([None, 0, 2, "\t"]), st.booleans())
def test_json_says_the_same_but_for_its_edited_strings(
    value: object, new: str, indent: int | str | None, ascii_only: bool
) -> None:
    form, record = Json(lines=False), json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    texts = [token for token in form.tokens(record) if token.kind == "text"]
    assert json.loads(edited(record, form, texts, new)) == everywhere(value, new)
    assert edited(record, form, [], new) == record


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), st.data())
def test_every_character_of_a_json_string_is_found_where_it_is_spelt(text: str, data: st.DataObject) -> None:
    spellings = [
        data.draw(
            st.sampled_from([one, json.dumps(one)[1:-1], json.dumps(one)[1:-1].replace("\\u00", "\\u00")])
        )
        if one not in '"\\' and ord(one) >= 32
        else json.dumps(one)[1:-1]
        for one in text
    ]
    record = '{"a" :\t"' + "".join(spellings) + '" }'
    form = Json(lines=True)
    (token,) = (one for one in form.tokens(record) if one.kind == "text")
    assert token.text == text
    places = form.places(record, token)
    assert [record[a:b] for a, b in itertools.pairwise(places)] == spellings
    at = data.draw(st.integers(0, len(text) - 1))
    start, end, spelt = form.spelt(record, token, [Edit(at, at + 1, "x")])
    assert (
        record[:start] + spelt + record[end:]
        == '{"a" :\t"' + "".join([*spellings[:at], "x", *spellings[at + 1 :]]) + '" }'
    )


def test_numbers_keys_and_paths_of_json() -> None:
    record = '{"a":{"b":[1.50,{"c":"x"},-2e+5]},"d":[["y"]],"a b":12345678901234567890}'
    found = [(token.kind, token.path, token.text) for token in Json(lines=True).tokens(record)]
    assert found == [
        ("name", ("a",), "a"),
        ("name", ("a", "b"), "b"),
        ("number", ("a", "b"), "1.50"),
        ("name", ("a", "b", "c"), "c"),
        ("text", ("a", "b", "c"), "x"),
        ("number", ("a", "b"), "-2e+5"),
        ("name", ("d",), "d"),
        ("text", ("d",), "y"),
        ("name", ("a b",), "a b"),
        ("number", ("a b",), "12345678901234567890"),
    ]


def test_a_number_becomes_a_string_unless_it_stays_a_number() -> None:
    form, record = Json(lines=True), '{"mrn": 4711}'
    (token,) = (one for one in form.tokens(record) if one.kind == "number")
    assert spliced(record, [form.spelt(record, token, [Edit(0, 4, "[MRN]")])]) == '{"mrn": "[MRN]"}'
    assert spliced(record, [form.spelt(record, token, [Edit(0, 4, "8311")])]) == '{"mrn": 8311}'
    assert spliced(record, [form.spelt(record, token, [Edit(0, 4, "0311")])]) == '{"mrn": "0311"}'


@given(
    st.lists(st.lists(WORDS, min_size=2, max_size=2), min_size=1, max_size=5),
    WORDS,
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_a_table_says_the_same_but_for_its_edited_cells(
    rows: list[list[str]], new: str, separator: str, end: str, quoting: int
) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=separator, lineterminator=end, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    record = buffer.getvalue()
    form = Table(separator)
    tokens = form.tokens(record)
    assert edited(record, form, [], new) == record
    changed = edited(record, form, tokens, new)
    read = list(csv.reader(io.StringIO(changed, newline=""), delimiter=separator))
    assert read == [[as_edited(cell, new) if cell else "" for cell in row] for row in rows]


@given(WORDS, WORDS, WORDS, WORDS)
def test_xml_says_the_same_but_for_its_edited_strings(text: str, inner: str, tail: str, new: str) -> None:
    legal = [one.replace("\t", " ").replace("\n", " ") for one in (text, inner, tail, new)]
    legal = ["".join(sign for sign in one if sign.isprintable() and ord(sign) < 0xFFFE) for one in legal]
    text, inner, tail, new = legal
    record = f'<?xml version="1.0"?>\n<!-- {"x"} --><a b={quoteattr(text)}  c="1">{escape(inner)}<d/>{escape(tail)}</a >\n'
    form = Xml()
    tokens = [token for token in form.tokens(record) if token.kind == "text"]
    changed = edited(record, form, tokens, new)
    tree, old = ET.fromstring(changed), ET.fromstring(record)
    assert tree.attrib == {
        "b": as_edited(text, new) if text else "",
        "c": as_edited("1", new),
    }
    assert (tree.text or "") == (as_edited(inner, new) if inner.strip() else (old.text or ""))
    assert (tree[0].tail or "") == (as_edited(tail, new) if tail.strip() else (old[0].tail or ""))
    assert changed.startswith('<?xml version="1.0"?>\n<!-- x --><a b=')
    assert changed.endswith("</a >\n")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "xml-declarations"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "xml-declarations"),
        ("<!DOCTYPE a SYSTEM 'x.dtd'><a>&b;</a>", "xml-declarations"),
        ("<a><b></a>", "malformed-text"),
        ("<a>" * 500 + "</a>" * 500, "nested-too-deep"),
        ("<a>&b;</a>", "malformed-text"),
    ],
)
def test_xml_that_declares_or_is_not_well_formed_is_refused(record: str, reason: str) -> None:
    with pytest.raises(Unfit) as told:
        Xml().tokens(record)
    assert told.value.reason == reason


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("[" * 100_000, "nested-too-deep"),
        ("[" * 500 + "]" * 500, "nested-too-deep"),
        ('{"a": }', "malformed-text"),
        ('{"a": "\x01"}', "malformed-text"),
        ("{'a': 1}", "malformed-text"),
    ],
)
def test_json_that_is_not_well_formed_is_refused(record: str, reason: str) -> None:
    with pytest.raises(Unfit) as told:
        Json(lines=True).tokens(record)
    assert told.value.reason == reason


def read(data: bytes, name: str = "x", declared: str = "") -> tuple[Reading, list[str]]:
    stream, reading = opened(data, name, declared)
    with stream:
        return reading, list(reading.records()) if reading.is_text else []


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\r\n"), max_size=400))
@settings(max_examples=60)
def test_records_are_the_file_whatever_its_encoding(text: str) -> None:
    for codec, mark in (
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
    ):
        data = mark + text.encode(codec)
        if not mark and (text.startswith(("\ufeff", "{", "[", "<")) or "\0" in text):
            continue
        reading, records = read(data, "x.txt")
        if reading.is_text and reading.format.unit != "whole":
            assert reading.mark + "".join(records).encode(reading.encoding.codec) == data


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b'{"a": 1}\n{"a": 2}\n', "x", "jsonl"),
        (b'{"a": 1}\n', "x.jsonl", "jsonl"),
        (b'{\n "a": 1\n}\n', "x", "json"),
        (b'[{"a": "b"},\n {"c": 1}]', "x", "json"),
        (b'{"a": 1}', "x.json", "json"),
        (b"[NAME] was seen.\n", "x", "text"),
        (b"[a link](there)\n", "x.md", "text"),
        (b"<?xml version='1.0'?><a/>", "x", "xml"),
        (b"<a/>", "x.xml", "xml"),
        (b"a,b\n1,2\n", "x.csv", "table"),
        (b"a;b;c\n1;2;3\n4;5;6\n", "x", "table"),
        (b"a\tb\n", "x.tsv", "table"),
        (b"Yes, no, maybe.\nWell.\n", "x", "text"),
        ("Bericht über Müller".encode("utf-16"), "x", "text"),
    ],
)
def test_kinds_are_seen_by_content(data: bytes, name: str, kind: str) -> None:
    reading, records = read(data, name)
    assert reading.format.name == kind
    assert reading.mark + "".join(records).encode(reading.encoding.codec) == data


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "x.png", "plain-image"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "x", "plain-image"),
        (b"{\\rtf1 Miller}", "x.txt", "unsupported-text"),
        (b"%PDF-1.7", "x", "unsupported-text"),
        (b"<!DOCTYPE html><p>Mi<b>ll</b>er", "x.html", "unsupported-text"),
        (bytes(range(256)), "x", ""),
    ],
)
def test_what_is_no_text_that_can_be_cleaned_is_left_out(data: bytes, name: str, reason: str) -> None:
    reading, _ = read(data, name)
    assert (reading.is_text, reading.reason) == (False, reason)


@pytest.mark.parametrize(
    ("data", "name", "declared", "reason"),
    [
        ("Müller".encode("latin-1"), "x.txt", "", "encoding-unknown"),
        (b"a" * 70_000 + b"\xff", "x.txt", "", "undecodable-text"),
        ("Müller".encode("utf-16")[:-1], "x.txt", "", "undecodable-text"),
        (b"<?xml version='1.0' encoding='no-such'?><a>\xff</a>", "x", "", "undecodable-text"),
        (b'{"a": "' + b"b" * (17 << 20) + b'"}', "x.jsonl", "", "record-too-long"),
        (b'"' + b"b,\n" * (6 << 20), "x.csv", "", "record-too-long"),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, name: str, declared: str, reason: str) -> None:
    with pytest.raises(Unfit) as told:
        read(data, name, declared)
    assert told.value.reason == reason


def test_a_declared_encoding_is_taken() -> None:
    reading, records = read("Müller".encode("latin-1"), "x.txt", "latin-1")
    assert (reading.encoding.codec, records) == ("iso8859-1", ["Müller"])


def test_a_row_ends_where_its_quotes_do() -> None:
    data = b'a,b\r\n"x\r\ny ""z"", 5",2\r\n3,"4"\r\n'
    _, records = read(data, "x.csv")
    assert records == ["a,b\r\n", '"x\r\ny ""z"", 5",2\r\n', '3,"4"\r\n']


def test_prose_is_handed_out_between_paragraphs() -> None:
    text = ("word " * 20 + "\n") * 30 + "\n"
    _, records = read((text * 60).encode(), "x.txt")
    assert len(records) > 2
    assert all(record.endswith("\n\n") for record in records[:-1])
    assert Prose().tokens(records[0])[0].text == records[0]
