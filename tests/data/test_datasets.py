"""`medcli download dataset` against a stand-in for the Hub: fetched, verified, prepared, and what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from medcli.data.datasets.job import download_datasets
from medcli.data.datasets.registry import Pin, datasets
from medcli.data.datasets.spec import DatasetSpec
from medcli.errors import InputError, SetupError, UsageError
from medcli.records import Caption, question_of
from tests.data import layouts
from tests.data.bucket import jpeg, serving
from tests.data.hub import COMMIT, Hub, archive

pytest.importorskip("pyarrow")
pytest.importorskip("huggingface_hub")

Rows = list[dict[str, Any]]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(Hub()) as found:
        layouts.fill(found)
        monkeypatch.setenv("HF_ENDPOINT", found.url.rstrip("/"))
        yield found


@pytest.fixture
def fetch(tmp_path: Path, hub: Hub) -> Callable[..., dict[str, Any]]:
    def call(name: str, **options: Any) -> dict[str, Any]:
        spec = DatasetSpec((name,), tmp_path, base_url=hub.addresses(), timeout=5.0, **options)
        result = download_datasets(spec)
        (told,) = result.facts["datasets"]
        return told | {"exit_code": result.exit_code, "text": result.text}

    return call


def written(folder: Path, split: str, name: str = "questions.jsonl") -> Rows:
    """The records of a split, each one that medcli reads, with pictures that are there."""
    rows = [json.loads(line) for line in (folder / split / name).read_text().splitlines()]
    for row in rows:
        images = question_of(row).images if "question_id" in row else (Caption.of(row).image,)
        assert images
        row["pictures"] = [
            (folder / split / one).read_bytes() if (folder / split / one).exists() else b"" for one in images
        ]
    return rows


def test_vqa_rad_takes_answer_types_of_the_original(
    tmp_path: Path, fetch: Callable[..., dict[str, Any]]
) -> None:
    told = fetch("vqa-rad")
    rows = written(tmp_path / "vqa-rad", "test")
    kinds = [(row["answer_type"], row["answer_type_source"]) for row in rows]
    assert kinds == [("CLOSED", "original"), ("OPEN", "original"), ("CLOSED", "derived")]
    assert [row["pictures"] for row in rows] == [[jpeg(1)], [jpeg(1)], [jpeg(2)]]
    assert rows[0]["image"] == rows[1]["image"]
    pinned = datasets()["vqa-rad"].revision
    assert {row["source"] for row in rows} == {f"flaviagiammarino/vqa-rad@{pinned[:12]}"}
    assert {row["license"] for row in rows} == {"CC0 1.0 (card)"}
    test = told["splits"][1]
    assert (test["rows"], test["expected"], test["differs"], test["derived"]) == (3, 451, -448, 1)
    assert "test has 3 rows, and 451 were expected" in told["text"]
    manifest = [json.loads(line) for line in (tmp_path / "vqa-rad/manifest.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in manifest] == ["hub", "hub", "osf"]
    assert all(line["revision"] == pinned and len(line["sha256"]) == 64 for line in manifest)


def test_without_the_original_answer_types_are_derived_and_said_to_be(
    tmp_path: Path, hub: Hub, fetch: Callable[..., dict[str, Any]]
) -> None:
    hub.original = b""
    told = fetch("vqa-rad", split=("test",))
    assert (told["exit_code"], told["state"]) == (0, "done")
    assert "answer types are derived" in told["text"]
    assert {row["answer_type_source"] for row in written(tmp_path / "vqa-rad", "test")} == {"derived"}
    assert not (tmp_path / "vqa-rad/train").exists()
    assert not any("train-" in path for path in hub.log)


def test_slake_keeps_the_language_and_no_path_escapes(
    tmp_path: Path, hub: Hub, fetch: Callable[..., dict[str, Any]]
) -> None:
    told = fetch("slake", split=("test",), llava=True)
    rows = written(tmp_path / "slake", "test")
    assert [(row["question_id"], row["answer_type"]) for row in rows] == [(0, "OPEN"), (1, "CLOSED")]
    assert [row["pictures"] for row in rows] == [[jpeg(1)], [jpeg(2)]]
    (split,) = told["splits"]
    assert (split["rows"], split["written"], split["without_picture"], split["expected"]) == (3, 2, 1, 1061)
    assert not list(tmp_path.rglob("evil*"))
    assert not any("KG.zip" in path for path in hub.log)
    talks = json.loads((tmp_path / "slake/test/llava.json").read_text())
    assert talks[0]["conversations"][0]["value"] == "<image>\nWhich organ?"
    assert question_of(talks[1]).answer == "Liver"
    both = fetch("slake", split=("test",), language=("en", "zh"))
    assert (both["splits"][0]["rows"], both["splits"][0]["expected"]) == (4, 0)


def test_path_vqa_in_several_files(tmp_path: Path, fetch: Callable[..., dict[str, Any]]) -> None:
    told = fetch("path-vqa", split=("test",))
    (row,) = written(tmp_path / "path-vqa", "test")
    assert (row["question_id"], row["answer_type"], row["answer_type_source"]) == (
        "test-0",
        "OPEN",
        "derived",
    )
    assert told["splits"][0]["without_picture"] == 1


def test_pmc_vqa_in_all_its_spellings(tmp_path: Path, fetch: Callable[..., dict[str, Any]]) -> None:
    told = fetch("pmc-vqa", split=("test", "test-clean"))
    folder = tmp_path / "pmc-vqa"
    (first,), (clean,) = written(folder, "test"), written(folder, "test-clean")
    assert first["choices"] == clean["choices"] == ["liver", "spleen", "heart", "lung"]
    assert (first["text"], first["answer"], clean["answer"], first["pmcid"]) == ("What?", "B", "B", "PMC1")
    assert [split["without_picture"] for split in told["splits"]] == [1, 0]
    fetch("pmc-vqa-2", split=("test",))
    (second,) = written(tmp_path / "pmc-vqa-2", "test")
    assert (second["answer"], second["choices"], second["pictures"]) == (
        "C",
        ["AA", "BB", "CC", "DD"],
        [jpeg(2)],
    )


def test_omnimedvqa_is_the_open_part_only(tmp_path: Path, fetch: Callable[..., dict[str, Any]]) -> None:
    fetch("omnimedvqa")
    rows = written(tmp_path / "omnimedvqa", "open")
    assert [row["question_id"] for row in rows] == ["ACRIMA_0000", "ACRIMA_0000-row1"]
    assert rows[0]["choices"] == ["CT", "Fundus imaging", "PET"]
    assert (rows[0]["answer"], rows[0]["modality"]) == ("B", "Fundus")


def test_medxpertqa_with_several_pictures(tmp_path: Path, fetch: Callable[..., dict[str, Any]]) -> None:
    fetch("medxpertqa-mm")
    one, two = written(tmp_path / "medxpertqa-mm", "test")
    assert (one["text"], one["choices"], one["answer"]) == ("Diagnosis?", ["one", "two"], "B")
    assert two["pictures"] == [jpeg(1), jpeg(2)]


def test_rocov2_becomes_captions_at_the_newest_commit(
    tmp_path: Path, fetch: Callable[..., dict[str, Any]]
) -> None:
    told = fetch("rocov2", split=("test",))
    (row,) = written(tmp_path / "rocov2", "test", "captions.jsonl")
    assert (row["pair_id"], row["cuis"]) == ("ROCOv2_2023_test_000001", ["C0040405"])
    assert row["pictures"] == [jpeg(4)]
    assert told["revision"] == COMMIT


def test_roco_gives_captions_and_the_list_of_its_figures(
    tmp_path: Path, hub: Hub, fetch: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = tuple(Pin(*one) for one in layouts.roco(hub, datasets()["roco"].revision))
    monkeypatch.setattr(layouts.PINS, lambda name: pins if name == "roco" else ())
    told = fetch("roco", split=("test",), license="commercial")
    (row,) = written(tmp_path / "roco", "test", "captions.jsonl")
    assert (row["fig_caption"], row["license"], row["keywords"]) == (
        "CT of the chest .",
        "CC BY",
        ["ct", "chest"],
    )
    figures = (tmp_path / "roco/test/figures.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in figures] == [
        {"pmcid": "PMC4083729", "file": "PMC4083729_A-g002.jpg", "id": "ROCO_00001"}
    ]
    assert told["files"]["kinds"] == {"done": 6}


def test_llava_med_comes_through_git_lfs(
    tmp_path: Path, hub: Hub, fetch: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = [Pin(*one) for one in layouts.llava_med(hub)]
    lost = Pin("data/instruct/llava_med_instruct_60k.json", 7, "0" * 64)
    monkeypatch.setattr(layouts.PINS, lambda name: (*pins, lost) if name == "llava-med" else ())
    told = fetch("llava-med", split=("eval", "figures"))
    assert told["files"]["kinds"] == {"done": 3}
    (row,) = written(tmp_path / "llava-med", "eval")
    assert (row["answer"], row["text"]) == ("A scan.", "What is it?\n<image>")
    assert [split["split"] for split in told["splits"]] == ["eval"]
    told = fetch("llava-med")
    assert (told["exit_code"], told["files"]["kinds"]) == (5, {"done": 4, "gone": 1})


def test_wrong_bytes_never_take_their_name(
    tmp_path: Path, hub: Hub, fetch: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, size, oid = layouts.llava_med(hub)[0]
    good = hub.objects[oid]
    hub.objects[oid] = bytes(size)
    monkeypatch.setattr(layouts.PINS, lambda _: (Pin(name, size, oid),))
    told = fetch("llava-med", split=("eval",))
    assert (told["exit_code"], told["files"]["kinds"]) == (5, {"mismatch": 1})
    assert not list((tmp_path / "llava-med/source").rglob("*.jsonl*"))
    hub.objects[oid] = good
    assert fetch("llava-med", split=("eval",))["exit_code"] == 5
    assert fetch("llava-med", split=("eval",), retry_failed=True)["state"] == "done"


def test_a_rerun_asks_nobody_and_writes_nothing_anew(
    tmp_path: Path, hub: Hub, fetch: Callable[..., dict[str, Any]]
) -> None:
    first = fetch("slake", split=("test",))
    hub.log.clear()
    product = tmp_path / "slake/test/questions.jsonl"
    before = product.stat().st_mtime_ns
    assert fetch("slake", split=("test",))["splits"] == first["splits"]
    assert hub.log == []
    assert product.stat().st_mtime_ns == before
    product.unlink()
    fetch("slake", split=("test",))
    assert product.exists()
    assert hub.log == []
    fetch("slake", split=("train",))
    assert [path for path in hub.log if "/resolve/" in path] == [
        f"datasets/BoKelvin/SLAKE/resolve/{datasets()['slake'].revision}/train.json"
    ]
    paths = [
        json.loads(line)["path"] for line in (tmp_path / "slake/manifest.jsonl").read_text().splitlines()
    ]
    assert paths == ["imgs.zip", "test.json", "train.json"]


def test_restart_keeps_right_files_and_fetches_wrong_ones(
    tmp_path: Path, hub: Hub, fetch: Callable[..., dict[str, Any]]
) -> None:
    fetch("slake", split=("test",))
    hub.log.clear()
    (tmp_path / "slake/source/test.json").write_bytes(b"[]")
    told = fetch("slake", split=("test",), restart=True)
    assert [path.rpartition("/")[2] for path in hub.log if "/resolve/" in path] == ["test.json"]
    assert told["splits"][0]["written"] == 2


def test_another_revision_is_asked_for_and_noted(fetch: Callable[..., dict[str, Any]]) -> None:
    assert fetch("slake", split=("test",), revision=("slake=main",))["revision"] == COMMIT
    with pytest.raises(UsageError, match="revision"):
        fetch("slake", split=("test",))
    with pytest.raises(SetupError, match="not at this revision"):
        fetch("medxpertqa-mm", revision=("medxpertqa-mm=none",))


def test_a_local_copy_of_what_is_pinned_is_compared_with_its_pins(
    tmp_path: Path, hub: Hub, fetch: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = tuple(Pin(*one) for one in layouts.roco(hub, "clone"))
    monkeypatch.setattr(layouts.PINS, lambda name: pins if name == "roco" else ())
    for name, content in hub.files.items():
        path = tmp_path / "copy" / name.removeprefix("raw/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    told = fetch("roco", local=tmp_path / "copy", split=("test",))
    assert len(written(tmp_path / "roco", "test", "captions.jsonl")) == 2
    assert told["files"]["kinds"] == {"done": 6}
    (tmp_path / "copy/clone/data/train/radiology/cuis.txt").write_bytes(b"other")
    told = fetch("roco", local=tmp_path / "copy", split=("train",))
    assert (told["exit_code"], told["files"]["kinds"]) == (5, {"done": 5, "mismatch": 1})
    assert not (tmp_path / "roco/train").exists()
    with pytest.raises(InputError, match=r"imgs\.zip"):
        fetch("slake", local=tmp_path / "copy")
    assert hub.log == []


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_hub_that_refuses_is_everybodys_trouble(
    hub: Hub, fetch: Callable[..., dict[str, Any]], status: int
) -> None:
    hub.status["api/"] = status
    with pytest.raises(SetupError, match="Hub"):
        fetch("slake")


def test_nothing_behind_a_gate_is_asked_for(hub: Hub, fetch: Callable[..., dict[str, Any]]) -> None:
    for name, one in datasets().items():
        if one.gate != "none":
            with pytest.raises(SetupError, match="not for everybody"):
                fetch(name)
    assert hub.log == []


def test_a_licence_that_is_not_wanted_is_not_fetched(hub: Hub, fetch: Callable[..., dict[str, Any]]) -> None:
    for name, wish, state in (
        ("llava-med", "commercial", "license-blocked"), ("rocov2", "commercial", "license-blocked"),
        ("path-vqa", "non-commercial", "license-blocked"), ("omnimedvqa", "non-commercial", "license-blocked"),
    ):  # fmt: skip
        told = fetch(name, license=wish)
        assert (told["state"], told["exit_code"]) == (state, 0)
    assert hub.log == []
    assert fetch("medxpertqa-mm", license="commercial", split=("dev",))["state"] == "done"


def test_a_dry_run_asks_nobody(tmp_path: Path, hub: Hub, fetch: Callable[..., dict[str, Any]]) -> None:
    assert fetch("slake", dry_run=True)["missing_bytes_estimated"] == datasets()["slake"].bytes
    assert fetch("llava-med", dry_run=True, split=("eval",))["missing_files"] == 3
    assert hub.log == []
    assert not (tmp_path / "slake").exists()
    fetch("slake", split=("test",))
    hub.log.clear()
    told = fetch("slake", dry_run=True)
    assert (told["missing_files"], told["state"]) == (2, "planned")
    assert hub.log == []


def test_what_was_signed_for_is_imported(
    tmp_path: Path, hub: Hub, fetch: Callable[..., dict[str, Any]]
) -> None:
    copy = tmp_path / "copy/mimiccxrvqa/dataset"
    copy.mkdir(parents=True)
    row = {"split": "test", "idx": 3, "image_id": "a", "question": "Is there an effusion?", "semantic_type": "verify",
           "answer": ["yes"], "image_path": "p10/p1/s1/a.jpg", "subject_id": "1", "study_id": "1"}  # fmt: skip
    (copy / "test.json").write_text(json.dumps([row, row | {"idx": 4, "image_path": None}]))
    told = fetch("mimic-cxr-vqa", local=tmp_path / "copy", split=("test",))
    (question,) = written(tmp_path / "mimic-cxr-vqa", "test")
    assert (question["question_id"], question["answer"], question["answer_type"]) == (
        "test-3",
        "yes",
        "CLOSED",
    )
    assert question_of(question).notes
    assert "subject_id" not in question
    assert told["splits"][0]["without_picture"] == 1
    assert hub.log == []


def test_a_local_copy_of_an_open_dataset_needs_no_network(
    tmp_path: Path, hub: Hub, fetch: Callable[..., dict[str, Any]]
) -> None:
    for name, content in layouts.slake().items():
        path = tmp_path / "copy" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    fetch("slake", local=tmp_path / "copy", split=("test",))
    assert len(written(tmp_path / "slake", "test")) == 2
    assert hub.log == []


def test_a_damaged_member_costs_its_rows_only(
    tmp_path: Path, hub: Hub, fetch: Callable[..., dict[str, Any]]
) -> None:
    pictures = archive({"imgs/xmlab1/source.jpg": jpeg(1), "imgs/xmlab2/source.jpg": jpeg(2)})
    place = pictures.index(jpeg(2))
    hub.repositories["BoKelvin/SLAKE"]["imgs.zip"] = pictures[:place] + bytes(40) + pictures[place + 40 :]
    told = fetch("slake", split=("test",))
    assert (told["splits"][0]["written"], told["splits"][0]["without_picture"]) == (1, 2)
    assert len(written(tmp_path / "slake", "test")) == 1


def test_names_and_splits_that_are_none_are_refused(fetch: Callable[..., dict[str, Any]]) -> None:
    for name, options in (("vqa", {}), ("slake", {"split": ("dev",)})):
        with pytest.raises(UsageError):
            fetch(name, **options)
