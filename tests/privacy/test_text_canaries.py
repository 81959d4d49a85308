"""No planted identity survives in a cleaned text, and nothing else changes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medcli.privacy.dicom.pseudonyms import Pseudonyms
from medcli.privacy.text.replace_policy import TextPolicy
from medcli.privacy.text.scrubber import TextScrubber

SCRUBBERS = {
    action: TextScrubber(
        TextPolicy(actions=(("NAME", action), ("MRN", action), ("FACILITY", action))), Pseudonyms(b"k" * 32)
    )
    for action in ("tag", "surrogate", "mask")
}
NAMES = st.sampled_from(["Quittenbaum", "Zwetschgenmus", "O'Flanagan", "García-Órdoñez", "Hagebuttenstrauch"])
GIVEN = st.sampled_from(["Adelheid", "Korbinian", "Zoë", "Ignatius"])
CLINICAL = st.sampled_from(
    ["No focal consolidation.", "L4/5 disc bulge of 3 mm.", "BP 120/80.", "T1 and T2 normal.", "BI-RADS 4."]
)


def planted(
    given_name: str, surname: str, number: str, clinical: list[str]
) -> tuple[dict[str, object], list[str]]:
    """A record, and what may not be left of it."""
    text = f"{clinical[0]} {given_name} {surname} ({number}) was here. {clinical[1]} {surname.upper()}, {given_name[0]}."
    record = {
        "patient_name": f"{surname}^{given_name}",
        "mrn": number,
        "n": 1.50,
        "nested": [{"note": text}, {"note": clinical[2], "id_again": f"no. {number.lstrip('0')}"}],
    }
    return record, [surname, given_name, number.lstrip("0")]


@given(
    given_name=GIVEN,
    surname=NAMES,
    number=st.integers(10_000, 10**8),
    clinical=st.lists(CLINICAL, min_size=3, max_size=3),
    action=st.sampled_from(list(SCRUBBERS)),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_planted_identity_is_left(
    tmp_path: Path, *, given_name: str, surname: str, number: int, clinical: list[str], action: str
) -> None:
    record, needles = planted(given_name, surname, f"{number:09}", clinical)
    for indent, ascii_only in ((None, True), (2, False)):
        source = json.dumps(record, indent=indent, ensure_ascii=ascii_only).encode()
        result = SCRUBBERS[action].scrub(source, tmp_path / "out", "x.json")
        assert result.status == "released", result
        told = json.loads((tmp_path / "out").read_bytes())
        left = json.dumps(told, ensure_ascii=False).lower()
        assert not [needle for needle in needles if needle.lower() in left]
        assert told["nested"][1]["note"] == clinical[2]
        assert all(sentence in told["nested"][0]["note"] for sentence in clinical[:2])
        assert b"1.5" in (tmp_path / "out").read_bytes()


STRINGS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
RECORDS = st.dictionaries(
    st.sampled_from(["a", "b", "text", "n", "list"]),
    st.recursive(
        STRINGS | st.integers() | st.none() | st.sampled_from(["Mr. Miller came 3/4/2020", "MRN 4711223"]),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=6,
    ),
)


@given(st.lists(RECORDS, max_size=4), st.sampled_from(["\n", "\r\n"]), st.booleans())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_not_a_tag_is_the_source(
    tmp_path: Path, records: list[dict[str, object]], end: str, ascii_only: bool
) -> None:
    source = "".join(json.dumps(record, ensure_ascii=ascii_only) + end for record in records)
    result = SCRUBBERS["tag"].scrub(source.encode(), tmp_path / "out", "x.jsonl")
    assert result.status == "released", result
    out = (tmp_path / "out").read_bytes().decode()
    # Between tags stands the source, in its order; a tag, a pooled age or three digits stand for something.
    pieces = re.split(r"\[[A-Z]+\]|90\+|(?<!\d)\d{3}(?!\d)", out)
    at = 0
    for piece in pieces:
        at = source.find(piece, at)
        assert at >= 0
        at += len(piece)
    assert out == source or "[" in out
    assert len(out.split(end)) == len(source.split(end))
