"""Places where a known name may hide: mark-up inside of it, keys, titles, tags, comments, base64."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.privacy.dicom.pseudonyms import Pseudonyms
from medcli.privacy.text.formats.token import Token
from medcli.privacy.text.formats.xml_text import Xml
from medcli.privacy.text.replace_policy import TextPolicy
from medcli.privacy.text.runs import across, runs_of
from medcli.privacy.text.scrubber import TextScrubber
from medcli.privacy.text.span import Span

NAMES = Pseudonyms(b"k" * 32)
KNOWN = (("", "NAME", "Quistgaard^Ottoline"), ("", "MRN", "4532521"))
SCRUBBER = TextScrubber(TextPolicy(known=KNOWN), NAMES)


def scrubbed(folder: Path, text: str, name: str, **choice: object) -> str:
    """The released text, or the reason in brackets."""
    one = TextScrubber(TextPolicy(known=KNOWN, **choice), NAMES) if choice else SCRUBBER  # type: ignore[arg-type]
    result = one.scrub(text.encode(), folder / "out", name)
    return (folder / "out").read_text() if result.status == "released" else f"({result.reason})"


@pytest.mark.parametrize(
    ("text", "name", "wanted"),
    [
        ("<a><p>Dr. <b>Quist</b>gaard saw it.</p></a>", "a.xml", "<a><p>Dr. <b>[NAME]</b>[NAME] saw it.</p></a>"),
        ("<a><b>Quist</b><i>gaard</i></a>", "a.xml", "<a><b>[NAME]</b><i>[NAME]</i></a>"),
        ("<a><p>Mr. <b>John</b> <i>Smith</i> is well</p></a>", "a.xml", "<a><p>Mr. <b>[NAME]</b> <i>[NAME]</i> is well</p></a>"),
        ("<a>Quist<!-- x -->gaard</a>", "a.xml", "<a>[NAME]<!-- x -->[NAME]</a>"),
        ("<a>Quist<![CDATA[gaard]]></a>", "a.xml", "<a>[NAME]<![CDATA[[NAME]]]></a>"),
        ("<a><b>T1</b><b>T2</b> series</a>", "a.xml", "<a><b>T1</b><b>T2</b> series</a>"),
        ("<a><tr><td>45</td><td>32521</td></tr></a>", "a.xml", "<a><tr><td>[MRN]</td><td>[MRN]</td></tr></a>"),
        ("<a>x<!-- Otto&#108;ine --></a>", "a.xml", "<a>x<!-- [NAME] --></a>"),
        ("<a><?note Quistgaard?></a>", "a.xml", "<a><?note [NAME]?></a>"),
        ("**Quist**gaard is well", "a.md", "**[NAME] is well"),
        ("a `Quist``gaard`", "a.md", "a `[NAME]`"),
        ("Quist\u00adgaard", "a.txt", "[NAME]"),
        ('{"t": "<b>Quist</b>gaard 4 mm"}', "a.json", '{"t": "<b>[NAME] 4 mm"}'),
        ("id,t\n1,Quist<i>gaard</i>\n", "a.csv", "id,t\n1,[NAME]</i>\n"),
    ],
)  # fmt: skip
def test_a_name_that_mark_up_takes_apart_goes(tmp_path: Path, text: str, name: str, wanted: str) -> None:
    assert scrubbed(tmp_path, text, name) == wanted


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"Quistgaard": 1}', "a.json"),
        ('{"a": {"Ottoline Quistgaard": [1]}}', "a.jsonl"),
        ('{"quistgaard_left": 1}', "a.json"),
        ('{"id_4532521": 1}', "a.json"),
        ('{"Quist\\u0067aard": 1}', "a.json"),
        ('{"John Smith": 1}', "a.json"),
        ('{"john_smith": 1}', "a.json"),
        ('{"johnSmith": 1}', "a.json"),
        ("id,Quistgaard\n1,2\n", "a.csv"),
        ("id\tOttoline Q.\n1\t2\n", "a.tsv"),
        ("<quistgaard/>", "a.xml"),
        ("<a Quistgaard='1'/>", "a.xml"),
        ("<a quistgaard:b='1' xmlns:quistgaard='u'/>", "a.xml"),
        ("<a xmlns='urn:quistgaard'/>", "a.xml"),
        ("<a><?Quistgaard x?></a>", "a.xml"),
        ("<!DOCTYPE quistgaard><quistgaard/>", "a.xml"),
    ],
)
def test_what_is_never_changed_withholds_the_file(tmp_path: Path, text: str, name: str) -> None:
    found = scrubbed(tmp_path, text, name)
    assert found in ("(name-identifies)", "(residue)") or (
        "quistgaard" not in found.lower() and "smith" not in found.lower()
    )
    assert found.startswith(("(", "[", "id\t[", "id,["))


@pytest.mark.parametrize(
    "keys",
    [
        ("patientRole", "basedOn", "postalCode", "nonXMLBody", "conclusionCode", "lastUpdated"),
        ("image_id", "body_mass", "chest_pain", "view_position", "rose_bengal_stain", "fig_caption"),
        ("Image Index", "Finding Labels", "Follow-up #", "Patient Age", "Patient Gender", "View Position"),
        ("Enlarged Cardiomediastinum", "Pleural Other", "No Finding", "Support Devices", "Frontal/Lateral", "Postal Code"),
    ],
)  # fmt: skip
def test_keys_of_real_sets_are_no_people(tmp_path: Path, keys: tuple[str, ...]) -> None:
    text = json.dumps(dict.fromkeys(keys, True))
    assert scrubbed(tmp_path, text, "a.json") == text
    table = ",".join(keys) + "\n" + ",".join("" for _ in keys) + "\n"
    assert scrubbed(tmp_path, table, "a.csv") == table


def test_bytes_in_base64_are_not_passed_on(tmp_path: Path) -> None:
    data = base64.b64encode(bytes(range(250))).decode()
    for text, name in ((f'{{"i": "{data}"}}', "a.json"), (f"![x](data:image/png;base64,{data})", "a.md")):
        assert scrubbed(tmp_path, text, name) == "(embedded-data)"
    assert scrubbed(tmp_path, f'{{"i": "{data}", "t": "x"}}', "a.json", fields=("t",)).startswith('{"i"')
    for kept in ("0" * 400, "ACGT" * 100, "a" * 300, "f0" * 64):
        assert scrubbed(tmp_path, kept, "a.txt") != "(embedded-data)"


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(["<b>", "</b>", "**", "`", "\u00ad", "\u200b"]), min_size=1, max_size=3),
    st.integers(3, 7),
)
def test_no_mark_hides_a_name(marks: list[str], at: int) -> None:
    text = "seen by Quist"[: 8 + at] + "".join(marks) + "Quistgaard"[at:] + " today"
    record = json.dumps({"t": text}, ensure_ascii=False)
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        out = scrubbed(Path(folder), record, "a.json")
    bare = out
    for mark in ("<b>", "</b>", "**", "`", "\u00ad", "\u200b"):
        bare = bare.replace(mark, "")
    assert "quist" not in bare.lower()
    assert "gaard" not in bare.lower()


def test_runs_say_where_a_find_stands() -> None:
    form, record = Xml(), "<p>a <b>bc</b><br/>d<i> e</i></p>"
    tokens = form.tokens(record)
    runs = list(runs_of(form.joins(record, tokens), tokens))
    assert [run.text for run in runs if run.sentence] == ["a bc\nd e"]
    (run,) = (run for run in runs if run.sentence)
    start = run.text.index("c")
    assert [(tokens[number].text, span.start, span.end) for parts in across(run, [Span(start, len(run.text), "NAME")])
        for number, span in parts] == [
        ("bc", 1, 2), ("d", 0, 1), (" e", 0, 2),
    ]  # fmt: skip
    assert "bc" not in repr(run)
    assert list(runs_of((), [Token(0, 3, "a b")])) == []
