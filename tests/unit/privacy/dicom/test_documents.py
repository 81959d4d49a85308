"""Encapsulated documents: texts stay without their identity where that was asked for, all others become empty ones."""

from __future__ import annotations

import base64
from itertools import product
from pathlib import Path
from xml.etree import ElementTree as ET

import pydicom
import pytest

from medcli.privacy.dicom import Scrubber
from medcli.privacy.dicom.documents import format_of_type, strings
from medcli.privacy.policy import Policy
from medcli.privacy.text.replace_policy import TextPolicy
from tests.privacy import wire
from tests.privacy.compare import differences
from tests.privacy.documents import CDA, PLAIN, holding
from tests.privacy.reference import reference_scrub
from tests.unit.privacy.dicom.samples import KEY, Scrub, encode

CLEAN = Policy(clean=frozenset({"structured-content"}))
GONE = (b"Mustermann", b"ermann", b"Erika", b"Weissbrot", b"4711", b"19610307", b"Hauptstr", b"1234567")


def body(ds: pydicom.Dataset) -> bytes:
    """The document without padding, held against its length."""
    raw: bytes = ds.EncapsulatedDocument
    length = ds.EncapsulatedDocumentLength
    assert len(raw) == length + length % 2
    assert raw[length:].strip(b"\0") == b""
    return raw[:length]


@pytest.mark.parametrize("syntax", [wire.EXPLICIT, wire.IMPLICIT, wire.BIG, wire.DEFLATED])
def test_a_cda_stays_without_its_identity(scrub: Scrub, syntax: str) -> None:
    outcome = scrub(encode(holding(CDA.encode()), syntax), CLEAN)
    new = body(outcome.ds)
    assert not [one for one in GONE if one in new]
    for kept in (b'displayName="Findings"', b"<td>4 mm</td>", b"<td>3/12</td>", b"2.16.840.1.113883.6.1",
                 b"http://www.w3.org/2001/XMLSchema-instance", b"1.2.840.10008.2.16.4"):  # fmt: skip
        assert kept in new
    old, tree = ET.fromstring(CDA), ET.fromstring(new)
    assert [one.tag for one in tree.iter()] == [one.tag for one in old.iter()]
    assert outcome.ds.MIMETypeOfEncapsulatedDocument == "text/xml"
    assert "Mustermann" not in str(outcome.ds.get("DocumentTitle", ""))
    assert outcome.result.codes == ("113100", "113104")
    assert '"C":{"00420011":1}' in outcome.result.actions


@pytest.mark.parametrize("mime", ["application/xml", "text/XML; charset=utf-8 ", "application/cda+xml"])
def test_the_type_may_be_spelt_in_many_ways(scrub: Scrub, mime: str) -> None:
    assert b"Findings" in body(scrub(holding(CDA.encode(), mime), CLEAN).ds)


@pytest.mark.parametrize(("charset", "codec"), [("ISO_IR 192", "utf-8"), ("ISO_IR 100", "latin-1")])
def test_a_plain_text_is_in_utf_8_or_in_the_data_sets_characters(
    scrub: Scrub, charset: str, codec: str
) -> None:
    ds = holding(PLAIN.encode(codec), "text/plain", SpecificCharacterSet=charset)
    new = body(scrub(ds, CLEAN).ds).decode(codec)
    assert new == PLAIN.replace("Mustermann", "[NAME]").replace("PAT-4711-X", "[MRN]")


@pytest.mark.parametrize(
    ("document", "mime"),
    [
        (CDA.encode("utf-16"), "text/xml"),
        (b"%PDF-1.7\n(Mustermann)\n%%EOF\n", "application/pdf"),
        (b"%PDF-1.7\n(Mustermann)\n%%EOF\n", "text/plain"),
        (CDA.encode(), "application/pdf"),
        (b"<html><p>Mustermann</p></html>", "text/html"),
        (b"<html><p>Mustermann</p></html>", "text/xml"),
        (CDA.encode()[:-9], "text/xml"),
        (b"<!DOCTYPE a [<!ENTITY b 'Mustermann'>]><a>&b;</a>", "text/xml"),
        (b"<Mustermann/>", "text/xml"),
        (b"<a Mustermann='1'/>", "text/xml"),
        (b"<a xmlns:b='urn:Mustermann'/>", "text/xml"),
        (b"<a><!DOCTYPE a SYSTEM 'Mustermann'></a>", "text/xml"),
        ("M\xfcstermann".encode("latin-1"), "text/plain"),
        (b"", "text/xml"),
    ],
)  # fmt: skip
def test_any_other_document_becomes_an_empty_one(scrub: Scrub, document: bytes, mime: str) -> None:
    outcome = scrub(holding(document, mime), CLEAN)
    new = body(outcome.ds) if document[:2] != CDA.encode("utf-16")[:2] else outcome.ds.EncapsulatedDocument
    readable = new.decode("utf-16") if new[:2] == b"\xff\xfe" else new.decode()
    assert "stermann" not in readable
    if document[:2] != b"\xff\xfe":
        assert new in (b"<removed/>", b"\0\0", b"") or new.startswith(b"%PDF-1.4")


def test_a_document_in_base64_inside_a_text_is_not_passed_on(scrub: Scrub) -> None:
    inner = base64.b64encode(b"%PDF-1.7 Erika Mustermann " * 40).decode()
    lines = "\n".join(inner[at : at + 76] for at in range(0, len(inner), 76))
    for spelt in (inner, lines):
        text = CDA.replace(
            "</title>", f"</title><nonXMLBody><text representation='B64'>{spelt}</text></nonXMLBody>"
        )
        assert body(scrub(holding(text.encode()), CLEAN).ds) == b"<removed/>"


def test_without_the_option_it_is_empty_and_its_length_is_told(scrub: Scrub) -> None:
    for policy in (Policy(), Policy(clean=frozenset({"descriptors"}))):
        assert body(scrub(holding(CDA.encode()), policy).ds) == b"<removed/>"


def test_dates_move_by_the_patients_offset(scrub: Scrub) -> None:
    policy = Policy(
        clean=frozenset({"structured-content"}),
        retain=frozenset({"modified-dates"}),
        text=TextPolicy(actions=(("DATE", "shift"),)),
    )
    text = "<a><p>Seen on 4 March 2015.</p></a>"
    outcome = scrub(holding(text.encode()), policy)
    moved = pydicom.valuerep.DA(outcome.ds.StudyDate)
    assert f"{moved.day} {moved:%B %Y}" in body(outcome.ds).decode()


def test_documents_inside_a_sequence_are_empty(scrub: Scrub) -> None:
    inner = holding(CDA.encode())
    item = pydicom.Dataset()
    item.MIMETypeOfEncapsulatedDocument = "text/xml"
    item.add_new(0x00420011, "OB", inner.EncapsulatedDocument)
    ds = holding(CDA.encode(), ReferencedSeriesSequence=[item])
    outcome = scrub(ds, CLEAN)
    assert b"Mustermann" not in outcome.data
    assert b"Findings" in body(outcome.ds)


DOCUMENTS = (CDA, PLAIN, "%PDF-1.7 Mustermann", "<html>Mustermann</html>", "<a>b</a>")


@pytest.mark.parametrize("syntax", [wire.EXPLICIT, wire.BIG])
@pytest.mark.parametrize(
    "policy", [CLEAN, Policy("strict", clean=frozenset({"structured-content", "descriptors"})), Policy()]
)
def test_the_slow_reference_agrees(tmp_path: Path, syntax: str, policy: Policy) -> None:
    source, target = tmp_path / "a.dcm", tmp_path / "b.dcm"
    for document, mime in product(DOCUMENTS, ("text/xml", "text/plain", "application/pdf", "text/html")):
        source.write_bytes(
            encode(holding(document.encode(), mime, SpecificCharacterSet="ISO_IR 192"), syntax)
        )
        result = Scrubber(policy, KEY).scrub(source, target)
        assert (result.status, result.reason) == ("released", "")
        wanted = reference_scrub(pydicom.dcmread(source), policy, KEY)
        assert list(differences(target, wanted, source)) == [], (document[:9], mime)


def test_types_and_strings() -> None:
    assert [format_of_type(one) for one in ("text/xml", "TEXT/PLAIN", "application/xhtml+xml", "model/stl", "")] == [
        "xml", "text", "", "", "",
    ]  # fmt: skip
    assert list(strings(b"<a b='c&amp;d'>e</a>\0")) == ["a", "b", "c&d", "e"]
    assert list(strings(b"%PDF-1.4")) == []
    assert list(strings(b"<a>")) == ["<a>"]
