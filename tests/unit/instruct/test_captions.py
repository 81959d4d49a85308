"""Captions in every form that they come in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli import reading
from medcli.errors import InputError
from medcli.instruct.captions import read
from medcli.records import Caption


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_records_as_medcli_download_articles_writes_them(tmp_path: Path) -> None:
    one = Caption(
        "1_F1", "A mass.", "1_F1.jpg", "Figure 1", ("Said (Figure 1).",), "mri", "1", "PMC1", "F1", "CC BY", 2
    )
    path = lines(tmp_path / "captions.jsonl", one.to_json(), "{half", {"pair_id": "2"}, 7)
    found = list(read(path))
    assert found[0] == (1, one, "")
    assert [(one.number, one.reason) for one in found[1:]] == [
        (2, "bad-json"),
        (3, "no-caption"),
        (4, "not-an-object"),
    ]
    assert list(read(tmp_path)) == found  # a folder's file


@pytest.mark.parametrize("indent", [None, 1])
def test_llava_med_s_object_of_domains(tmp_path: Path, indent: int | None) -> None:
    content = {
        "chest_xray": [
            {"pair_id": "1", "fig_caption": "a", "in_text_mention": ["x", {"tokens": "y", "entities": []}]},
            {"pair_id": "2", "fig_caption": "b", "in_text_mention": None, "domain": {"mri": True}},
        ],
        "CT scan": [
            {"pair_id": "3", "fig_caption": "c", "in_text_mention": 5},
            {"pair_id": "4", "fig_caption": " d "},
        ],
        "empty": [],
        "ultrasound": [{"pair_id": "5", "fig_caption": "e", "domain": {"mri": False, "ultrasound": True}}],
    }
    path = tmp_path / "fig_captions.json"
    path.write_text(json.dumps(content, indent=indent))
    found = list(read(path))
    assert [one.reason for one in found] == ["", "", "bad-mentions", "", ""]
    captions = [one.caption for one in found if one.caption]
    assert [(one.caption_id, one.domain, one.image) for one in captions] == [
        ("1", "chest_xray", "1.jpg"),
        ("2", "mri", "2.jpg"),
        ("4", "ct_scan", "4.jpg"),
        ("5", "ultrasound", "5.jpg"),
    ]
    assert captions[0].mentions == ("x", "y")
    assert captions[2].caption == "d"


def test_pmc_oa_roco_and_rocov2(tmp_path: Path) -> None:
    pmc = {"image": "PMC212319_Fig3_4.jpg", "caption": "A.", "pmcid": "PMC212319", "url_name": "u"}
    (one,) = read(lines(tmp_path / "pmc_oa.jsonl", pmc))
    assert one.caption == Caption("PMC212319_Fig3_4", "A.", "PMC212319_Fig3_4.jpg", pmcid="PMC212319")
    (tmp_path / "captions.txt").write_text("ROCO_1\t A film. \n\nROCO_2\t\n")
    (tmp_path / "licences.txt").write_text("ROCO_ID,PMC_ID,CC\nROCO_1,77,CC BY\n")
    first, second = read(tmp_path / "captions.txt")
    assert first.caption == Caption("ROCO_1", "A film.", "ROCO_1.jpg", pmcid="PMC77", license="CC BY")
    assert (second.number, second.reason) == (3, "no-caption")
    (tmp_path / "v2.csv").write_text('\ufeffID,Caption\nROCOv2_1,"a, ""b"""\n')
    (one,) = read(tmp_path / "v2.csv")
    assert one.caption == Caption("ROCOv2_1", 'a, "b"', "ROCOv2_1.jpg")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '{"mri": [{"pair_id": "1", "fig_caption": "a"}'),
        ("a.json", '{"mri": [{"pair_id": "1"}], "ct": {"a": 1}}'),
        ("a.json", '{"mri": [{"pair_id": "1"}]} {}'),
        ("a.csv", "name,text\na,b\n"),
        ("a.jsonl", ""),
    ],
)
def test_a_file_that_breaks_off_is_refused_without_its_text(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as caught:
        list(read(tmp_path / name))
    assert "fig_caption" not in str(caught.value)
    with pytest.raises(InputError):
        list(read(tmp_path / "nowhere.jsonl"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError):
        list(read(tmp_path / "folder"))


@given(
    content=st.dictionaries(
        st.text(), st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none())), min_size=1
    ),
    indent=st.none() | st.integers(0, 3),
    block=st.integers(1, 40),
)
def test_an_object_of_arrays_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, content: Any, indent: int | None, block: int
) -> None:
    path = tmp_path_factory.mktemp("members") / "a.json"
    path.write_text(json.dumps(content, indent=indent))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_BLOCK", block)
        found = [(name, value.value) for name, value in reading.members(path)]
    assert found == [(name, one) for name, values in content.items() for one in values]
