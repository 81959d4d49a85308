"""Numbers in clinical use: what a figure means when medicine writes it.

Knows units, and the forms of codes, levels, sequences, scores and compounds. Refuses to know identity.
"""

from __future__ import annotations

import re

from medcli.privacy.text.document import Document

__all__ = ["clinical", "is_clinical_code", "unit_follows"]

_UNIT = re.compile(
    r"[ \u00a0-]?(?:%|\u00b0|\u2103|mg|mcg|\u00b5g|\u03bcg|ug|ng|pg|g\b|gm\b|gram|kg|lbs?\b|ml|dl\b|l\b|cc\b|mm|cm|m\b|nm\b|\u00b5m|\u03bcm|um\b|in\b\.?(?=[\s,;)]*(?:tall|long|wide|$))|inch|ft\b|iu\b|units?\b|u\b|u/|meq|mmol|\u00b5mol|"
    r"umol|mosm|cells?\b|copies|cop/|/[\u00b5\u03bcu]l|/mm|/ml|/l\b|/dl|/hpf|k/|x10|x\s?10\^|hz\b|khz|mhz|ghz|kvp?\b|ma\b|mas\b|mgy|gy\b|cgy|msv|mci|mbq|gbq|kbq|hu\b|bpm|/min|/hr|mmhg|cmh2o|kpa|kcal|cal\b|joules?|"
    r"tesla|t\b|sec\b|s\b|ms\b|min\b|minutes?|hours?|hrs?\b|days?\b|weeks?|months?|years?\b|yrs?\b|patients|people|participants|subjects|cases|women|men\b|children|adults|images|scans|studies|samples|times|"
    r"dollars|usd|eur|steps|pixels|px\b|x\s?\d|\u00d7\s?\d|bp\b|kb\b|base\spairs|platelets|wbc|leukocytes|rbcs?\b|spm)",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"(?:[A-TV-Z]\d[\dA-Z](?:\.[\dA-Z]{1,4})?|NCT\d{8}|PMC\d{5,8}|PMID:?\d+|rs\d{3,10}|ISRCTN\d+|EudraCT\S*|GO:\d+|HP:\d+|OMIM:?\d+|[A-V]\d{4}"
    r"|M\d{4}/\d|CVE-\S+|COVID-19|SARS-CoV-2|(?:[CTLS]\d{1,2}[-/]?[CTLS]?\d{0,2})|(?:BMS|LY|PF|MK|AZD|ABT|RO|GSK|AMG|BAY|BI|JNJ|TAK|SAR|REGN|SB|TNO|UK|SN-?\d{2}\b)-?\d{3,9}"
    r"|(?:AB|NM|NP|NC|NG|ENST|ENSG|CM|COSM)_?\d{5,12}(?:\.\d+)?|\d{1,3}-?(?:FDG|PSMA|DOTATATE)|[A-Z]?\d{1,4}[A-Z]|(?:[pc]\.)?[A-Za-z]{1,3}\d{1,5}(?:[A-Za-z]{1,3}|\*)"
    r"|[cgmnp]\.\S+|G\d+P\d+\w*|\d{1,3}/\d{1,3}(?:/\d{1,3})?|HLA-\S+|CD\d+\S*|GRCh\d+\S*|hg\d+|\d+[xX]\d+(?:[xX]\d+)?|ISO-?\d+|v\d+(?:\.\d+)*|B\d{3,4}|chr\w+:\S+)"
)
_LEVEL = r"(?:[CTLS]\d{1,2}\s?[-/\u2013]\s?[CTLS]?\d{1,2})"
_CLINICAL = re.compile(
    rf"(?<!\w)(?:{_LEVEL}|T[12](?:\*|/FLAIR|-weighted)?|\d{{3}}/\d{{2,3}}(?:\s?mm\s?Hg)?|(?:BI|PI|LI|TI|Lung|O|NI|CAD|C)-RADS\s?\d[A-C]?|GCS\s?\d{{1,2}}|"
    r"ECOG\s?\d|Gleason\s?\d\s?\+\s?\d|(?:series|image|slice|im|se)\s?#?\d{1,4}(?:[/,]\s?(?:image\s?)?\d{1,4})?|-?\d{1,4}\s?HU|p?[TNM][0-4][a-c]?(?:N[0-3][a-c]?)?(?:M[01x])?)(?!\w)",
    re.IGNORECASE,
)


def unit_follows(text: str, end: int) -> bool:
    """Whether the number that ends here is a measure, a count or a duration."""
    return _UNIT.match(text, end) is not None


def is_clinical_code(shown: str) -> bool:
    """Whether a code is one of medicine's or of the literature's: ICD-10, a trial, a variant, a level, a compound."""
    return _CODE.fullmatch(shown) is not None


def clinical(document: Document) -> list[tuple[int, int]]:
    """Stretches that are clinical figures: levels, sequences, pressures, categories, series and image numbers."""
    return [match.span() for match in _CLINICAL.finditer(document.text)] if document.digits else []
