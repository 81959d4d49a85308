"""``--runner ray`` on two nodes: the product is the local runner's, byte for byte, whatever dies meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from medcli.jobs.ledger import FILE
from medcli.jobs.reading import Reader
from tests import ray_nodes
from tests.inbox import tree
from tests.privacy.build import small_set

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
Nodes = tuple[ray_nodes.Node, ray_nodes.Node]


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    with ray_nodes.two_nodes(2, 2) as found:
        yield found


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "medcli", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*arguments: object, code: int = 0) -> dict[str, Any]:
    with start(*arguments, "--json") as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    document: dict[str, Any] = json.loads(out)
    return document


def on(nodes: Nodes, *more: object) -> list[object]:
    return ["--runner", "ray", "--ray-address", nodes[0].address, *more]


def broken(nodes: Nodes, state: Path, items: int, *arguments: object) -> dict[str, Any]:
    """The command with its driver killed once, and then one of the two nodes, both in the middle."""
    with start(*arguments, *on(nodes)) as process:
        wait(lambda: counted(state) >= items // 5, process)
        process.kill()
    before = counted(state)
    assert before < items
    with start(*arguments, *on(nodes), "--json") as process:
        wait(lambda: counted(state) >= before + items // 5, process)
        nodes[1].kill()
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    document: dict[str, Any] = json.loads(out)
    assert counted(state) == items  # nothing twice, nothing lost
    return document


def counted(state: Path) -> int:
    if not (state / FILE).exists():
        return 0
    with Reader(state) as reader:
        return reader.count()


def wait(come: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 180
    while True:
        try:
            if come():
                return
        except Exception:  # noqa: BLE001 - the ledger is just being made
            pass
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < deadline, "the run does not get on"
        time.sleep(0.01)


def released(output: Path) -> dict[str, object]:
    confidential = output.with_name(f"{output.name}-confidential")
    return {
        "release": tree(output),
        "manifest": output.with_name(f"{output.name}-manifest.json").read_bytes(),
        **{one: (confidential / one).read_bytes() for one in ("files.csv", "report.jsonl", "crosswalk.csv")},
    }


def test_scrub_of_2000_files(tmp_path: Path, nodes: Nodes) -> None:
    small_set(tmp_path / "inbox", 2000)
    results = {}
    for name in ("local", "ray", "broken"):
        private = tmp_path / name / "release-confidential"
        private.mkdir(parents=True, mode=0o700)
        if name != "local":
            shutil.copy2(tmp_path / "local" / "release-confidential" / "key", private / "key")
        wanted = ["scrub", tmp_path / "inbox", "--output", tmp_path / name / "release", "--crosswalk"]
        if name == "local":
            results[name] = run(*wanted, "--workers", 2)
        elif name == "ray":
            results[name] = run(*wanted, *on(nodes))
        else:
            results[name] = broken(nodes, private / "state", 2000, *wanted)
    local = released(tmp_path / "local" / "release")
    assert len(local["release"]) == 2000  # type: ignore[arg-type]
    assert released(tmp_path / "ray" / "release") == local
    assert released(tmp_path / "broken" / "release") == local
    assert [one["status"] for one in results.values()] == [{"released": 2000}] * 3
    key = (tmp_path / "local" / "release-confidential" / "key").read_text().split()[-1]
    clear = (
        key.encode(),
        key.upper().encode(),
        bytes.fromhex(key),
        b"Testfall",
        b"inbox",
        os.fsencode(tmp_path),
    )
    for path in nodes[0].logs.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [one for one in clear if one in content], path


def test_ask_with_a_tiny_model(tmp_path: Path, nodes: Nodes) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from tests.ask.inputs import mixed
    from tests.unit.models import tiny

    tiny.llava(tmp_path / "tiny-llava")
    mixed(tmp_path, 600, images=24)
    asked = ["ask", "--questions", tmp_path / "questions.jsonl", "--images", tmp_path / "images"]
    asked += [
        "--model",
        tmp_path / "tiny-llava",
        "--dtype",
        "float32",
        "--devices",
        "cpu",
        "--engine",
        "prefix",
    ]
    asked += ["--max-new-tokens", 12, "--batch-tokens", 2048]
    run(*asked, "--output", tmp_path / "local.jsonl")
    told = run(*asked, "--output", tmp_path / "ray.jsonl", *on(nodes, "--ray-workers", 2))
    expected = (tmp_path / "local.jsonl").read_bytes()
    assert (told["done"], len(expected.splitlines())) == (600, 600)
    assert (tmp_path / "ray.jsonl").read_bytes() == expected
    output = tmp_path / "broken.jsonl"
    told = broken(nodes, tmp_path / "broken.jsonl.run", 600, *asked, "--output", output)
    assert output.read_bytes() == expected
    assert (told["done"], told["failed"]) == (600, 0)


def test_download_from_a_bucket(tmp_path: Path, nodes: Nodes) -> None:
    from tests.data.bucket import Bucket, jpeg, serving

    bucket, rows = Bucket(), []
    for pmcid in range(1, 101):
        names = [f"f{number}.jpg" for number in range(10)]
        bucket.article(pmcid, {1: {name: jpeg(pmcid * 10 + at) for at, name in enumerate(names)}})
        rows += [{"pmcid": pmcid, "file": name, "id": f"{pmcid}-{name[:-4]}"} for name in names]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with serving(bucket):
        wanted = [
            "download",
            "images",
            tmp_path / "list.jsonl",
            "--base-url",
            f"bucket={bucket.url}",
            "--concurrency",
            4,
        ]
        told = [run(*wanted, "--output", tmp_path / "local")]
        told += [run(*wanted, "--output", tmp_path / "ray", *on(nodes))]
        state = tmp_path / "broken" / ".medcli" / "images"
        told += [broken(nodes, state, 1000, *wanted, "--output", tmp_path / "broken")]
    assert [one["done"] for one in told] == [1000] * 3
    local = fetched(tmp_path / "local")
    assert len(local[0]) == 1000
    assert fetched(tmp_path / "ray") == local
    assert fetched(tmp_path / "broken") == local


def fetched(output: Path) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """The pictures, and the manifest but for when and from where each came."""
    manifest = [json.loads(line) for line in (output / "manifest.jsonl").read_text().splitlines()]
    told = [{name: value for name, value in row.items() if name not in ("time", "from")} for row in manifest]
    return {path.name: path.read_bytes() for path in (output / "images").iterdir()}, told


def test_generate_instruct_by_a_server_that_wants_a_key(
    tmp_path: Path, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.instruct.inputs import captions
    from tests.instruct.server import Server

    captions(tmp_path, 300)
    with Server(key="right-key") as server:
        server.delay = 0.02
        asked = [
            "generate-instruct",
            tmp_path / "captions.jsonl",
            "--model",
            "tiny",
            "--base-url",
            server.url,
        ]
        monkeypatch.setenv("MEDCLI_API_KEY", "wrong-key")
        with start(*asked, "--output", tmp_path / "ray.json", *on(nodes)) as process:
            _, err = process.communicate(timeout=120)
        assert process.returncode == 3
        assert "refuses the key" in err
        monkeypatch.setenv("MEDCLI_API_KEY", "right-key")
        run(*asked, "--output", tmp_path / "local.json")
        run(*asked, "--output", tmp_path / "ray.json", *on(nodes, "--ray-workers", 2, "--concurrency", 4))
        expected = (tmp_path / "local.json").read_bytes()
        assert len(json.loads(expected)) == 300
        assert (tmp_path / "ray.json").read_bytes() == expected
        assert not list((tmp_path / "ray.json.run").glob("spent-*"))
        more = ["--output", tmp_path / "broken.json", "--concurrency", 2]
        broken(nodes, tmp_path / "broken.json.run", 300, *asked, *more)
    assert (tmp_path / "broken.json").read_bytes() == expected
    for path in nodes[0].logs.rglob("*"):
        assert not path.is_file() or b"right-key" not in path.read_bytes(), path
