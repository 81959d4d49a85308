"""Shards of a finished download: all of it, unchanged, the same bytes each time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from medcli.data.export import export
from medcli.errors import InputError
from tests.data.bucket import jpeg, png


def finished(folder: Path) -> dict[str, bytes]:
    """A download of five files, as the command leaves it."""
    (folder / "images").mkdir(parents=True)
    contents = {f"{n}_Fig.{n}": jpeg(n) if n % 2 else png(n) for n in range(5)}
    rows = []
    for number, (name, content) in enumerate(contents.items()):
        file = f"images/{name}.{'jpg' if number % 2 else 'png'}"
        (folder / file).write_bytes(content)
        md5 = hashlib.md5(content).hexdigest()
        rows.append({"id": name, "file": file, "md5": md5, "license": "CC BY", "time": str(folder)})
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return contents


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its reader leaves files open
def test_webdataset_reads_back_what_was_fetched(tmp_path: Path) -> None:
    wds = pytest.importorskip("webdataset")
    contents = finished(tmp_path)
    assert export(tmp_path, "webdataset", 2) == 3
    shards = sorted(str(path) for path in (tmp_path / "webdataset").iterdir())
    found = {}
    for sample in wds.WebDataset(shards, shardshuffle=False):
        record = json.loads(sample["json"])
        assert "time" not in record
        found[record["id"]] = sample.get("jpg") or sample.get("png")
    assert found == contents


def test_parquet_reads_back_what_was_fetched(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    contents = finished(tmp_path)
    assert export(tmp_path, "parquet", 3) == 2
    rows = [
        row
        for path in sorted((tmp_path / "parquet").iterdir())
        for row in parquet.read_table(path).to_pylist()
    ]
    assert {row["id"]: row["image"]["bytes"] for row in rows} == contents
    assert {row["license"] for row in rows} == {"CC BY"}


@pytest.mark.parametrize("form", ["webdataset", "parquet"])
def test_the_same_download_gives_the_same_bytes(tmp_path: Path, form: str) -> None:
    pytest.importorskip("webdataset" if form == "webdataset" else "pyarrow")
    shards = []
    for place in ("a", "b"):
        finished(tmp_path / place)
        export(tmp_path / place, form, 1)
        assert export(tmp_path / place, form, 2) == 3
        shards.append([path.read_bytes() for path in sorted((tmp_path / place / form).iterdir())])
    assert shards[0] == shards[1]
    assert len(shards[0]) == 3


def test_a_file_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    finished(tmp_path)
    (tmp_path / "images" / "1_Fig.1.jpg").unlink()
    with pytest.raises(InputError):
        export(tmp_path, "parquet", 3)
