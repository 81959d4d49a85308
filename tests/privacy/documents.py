"""Encapsulated documents for the tests: a CDA, a plain text, and the objects that hold them. Nobody is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.privacy.dicom.samples import without_pixels

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["CDA", "CDA_CLASS", "PLAIN", "holding"]

CDA_CLASS = "1.2.840.10008.5.1.4.1.1.104.2"
CDA = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <realmCode code="US"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <id root="1.2.840.113619.2.62.994044785528.12" extension="20060828170821659"/>
  <code code="18748-4" codeSystem="2.16.840.1.113883.6.1" displayName="Diagnostic Imaging Report"/>
  <title>Thorax CT of Erika Mustermann</title>
  <effectiveTime value="20060828170821+0100"/>
  <recordTarget><patientRole>
    <id root="2.16.840.1.113883.19.5" extension="PAT-4711-X"/>
    <addr use="HP"><streetAddressLine>Hauptstr. 12</streetAddressLine><city>Berlin</city></addr>
    <telecom value="tel:+49-30-1234567" use="HP"/>
    <patient><name><given>Erika</given><family>Mustermann</family></name>
      <administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/>
      <birthTime value="19610307"/></patient>
  </patientRole></recordTarget>
  <author><time value="20060828"/><assignedAuthor><assignedPerson><name><given>Konrad</given>
    <family>Weissbrot</family></name></assignedPerson></assignedAuthor></author>
  <component><structuredBody><component><section>
    <code code="121070" codeSystem="1.2.840.10008.2.16.4" displayName="Findings"/>
    <text><paragraph>Mrs. <content styleCode="Bold">Must</content>ermann was seen by Dr. <b>Weissbrot</b>.</paragraph>
    <table><tr><td>Nodule</td><td>4 mm</td></tr><tr><td>Series</td><td>3/12</td></tr></table></text>
  </section></component></structuredBody></component>
  <!-- prepared for Erika M&#252;stermann &amp; sons -->
</ClinicalDocument>"""
PLAIN = "Thorax CT\r\n\r\nMs. Mustermann (PAT-4711-X), Größe 4 mm. No change.\r\n"


def holding(document: bytes, mime: str = "text/xml", **attributes: object) -> Dataset:
    """A data set with a document, padded to even length, with its title and its length beside it."""
    ds = without_pixels(CDA_CLASS, MIMETypeOfEncapsulatedDocument=mime, **attributes)
    ds.DocumentTitle = "Letter about Mustermann"
    ds.add_new(0x00420011, "OB", document + b"\0" * (len(document) % 2))
    ds.EncapsulatedDocumentLength = len(document)
    return ds
