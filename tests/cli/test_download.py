"""`medcli download` as a command: settings of its commands, one JSON document, the public function."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import medcli
from medcli import cli
from medcli.errors import UsageError
from tests.data.bucket import Bucket, jpeg, serving


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serving(Bucket()) as found:
        found.article(1, {1: {"a.jpg": jpeg(1)}})
        yield found


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "list.jsonl"
    path.write_text('{"pmcid": 1, "file": "a.jpg", "id": "a"}\n{"pmcid": 2, "file": "b.jpg", "id": "b"}\n')
    return path


def test_figures_by_the_command(
    tmp_path: Path,
    bucket: Bucket,
    rows: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("medcli.toml").write_text(f'[download.images]\nbase-url = ["bucket={bucket.url}"]\ndecode = false\n')
    monkeypatch.setenv("MEDCLI_DOWNLOAD_IMAGES_CONCURRENCY", "4")
    assert cli.main(["download", "images", str(rows), "--output", "out", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["kinds"] == {"done": 1, "gone": 1}
    assert "decode" in told.err
    assert (tmp_path / "out" / "images" / "a.jpg").read_bytes() == jpeg(1)
    assert cli.main(["download", "images", str(rows), "--output", "out", "--dry-run"]) == 0
    assert "missing files" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    ["[download.images]\nspeed = 3\n", "[download]\nspeed = 3\n", "[download.images]\nrestart = true\n"],
)
def test_a_setting_that_nobody_would_read_is_refused(
    tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("medcli.toml").write_text(text)
    assert cli.main(["download", "images", str(rows), "--output", "out"]) == 2
    assert "settings file" in capsys.readouterr().err
    Path("medcli.toml").unlink()
    monkeypatch.setenv("MEDCLI_DOWNLOAD_IMAGES_SPEED", "3")
    assert cli.main(["download", "images", str(rows), "--output", "out"]) == 2


@pytest.mark.parametrize("wrong", ["bucket", "nobody=http://x/", "bucket=ftp://x/"])
def test_an_address_that_is_none_is_a_usage_error(rows: Path, wrong: str) -> None:
    assert cli.main(["download", "images", str(rows), "--output", "out", "--base-url", wrong]) == 2


def test_the_public_function_does_the_same(tmp_path: Path, bucket: Bucket, rows: Path) -> None:
    result = medcli.download("images", rows, output=str(tmp_path / "out"), base_url=f"bucket={bucket.url}")
    assert result.facts["kinds"] == {"done": 1, "gone": 1}
    for wrong in (("images",), ("nothing", rows), ("articles", rows)):
        with pytest.raises(UsageError):
            medcli.download(*wrong, output=tmp_path / "out")


def test_datasets_by_the_command_and_by_the_function(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    from tests.data import layouts
    from tests.data.hub import Hub

    monkeypatch.chdir(tmp_path)
    with serving(Hub()) as hub:
        layouts.fill(hub)
        monkeypatch.setenv("HF_ENDPOINT", hub.url.rstrip("/"))
        command = ["download", "dataset", "slake", "medxpertqa-mm", "--output", "out", "--split", "test"]
        assert cli.main(command) == 0
        told = capsys.readouterr().out
        assert "slake: 2 done" in told
        assert "test has 3 rows, and 1,061 were expected" in told
        result = medcli.download("dataset", "slake", output="out", split="test", language="en")
        assert result.facts["datasets"][0]["files"]["resumed"] == 2
    assert cli.main(["download", "dataset", "mimic-cxr-vqa", "--output", "out"]) == 3
    assert "PhysioNet" in capsys.readouterr().err
    assert cli.main(["download", "dataset", "path-vqa", "--output", "out"]) == 3
    assert "The Hub does not answer" in capsys.readouterr().err
    assert cli.main(["download", "dataset", "slake", "--output", "out", "--revision", "roco=main"]) == 2
