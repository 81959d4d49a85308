"""``generate-instruct --runner ray``: the local run's bytes, one budget, and what must not be seen is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")
pytest.importorskip("aiohttp")

from tests import ray_nodes
from tests.instruct.inputs import captions, read, worded
from tests.instruct.server import Server

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KEY = "sk-verysecret-0123456789"
COST = (900 * 10 + 60 * 20) / 1e6


@pytest.fixture
def node() -> Iterator[ray_nodes.Node]:
    with ray_nodes.cluster(2) as found:
        yield found


def command(folder: Path, url: str, name: str, *more: object) -> list[str]:
    path, output = folder / "captions.jsonl", folder / name
    fixed = ["generate-instruct", path, "--model", "tiny", "--base-url", url, "--output", output, "--json"]
    return [sys.executable, "-m", "medcli", *map(str, [*fixed, *more])]


def run(arguments: list[str]) -> tuple[int, str, str]:
    environment = os.environ | {"MEDCLI_API_KEY": KEY}
    told = subprocess.run(
        arguments, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    return told.returncode, told.stdout, told.stderr


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without what clock and counter say."""
    return [
        {name: row[name] for name in row if name not in ("seconds", "request_id", "about")} for row in rows
    ]


def test_the_product_is_the_local_runners_and_one_budget_holds(tmp_path: Path, node: ray_nodes.Node) -> None:
    on = ["--runner", "ray", "--ray-address", node.address]
    captions(tmp_path, 120, lambda number: worded(number, "m-refusing" if number % 10 == 1 else ""))
    prices = tmp_path / "prices.toml"
    prices.write_text('source = "test"\ndate = "2026-11-28"\n[models.tiny]\ninput = 10.0\noutput = 20.0\n')
    wanted = ["--max-samples", 80, "--prices", prices, "--concurrency", 8]
    with Server(key=KEY, moods={"m-refusing": "refusal always"}) as server:
        code, _, err = run(command(tmp_path, server.url, "local.json", *wanted))
        assert code == 0, err
        once = len(server.order)
        code, out, err = run(command(tmp_path, server.url, "ray.json", *wanted, "--max-cost", "0.35", *on))
        assert (code, out, "--max-cost is reached" in err) == (3, "", True), err
        assert (len(server.order) - once) * COST <= 0.35
        code, out, err = run(command(tmp_path, server.url, "ray.json", *wanted, "--max-cost", "5", *on))
        assert code == 0, err
        assert len(server.order) == 2 * once  # in two rounds at least, and none asked twice
        assert json.loads(out)["cost"] == pytest.approx(once * COST)
        for ending in ("json", "provenance.jsonl", "rejected.jsonl"):
            if ending == "json":
                assert (tmp_path / "ray.json").read_bytes() == (tmp_path / "local.json").read_bytes()
            else:
                assert plain(read(tmp_path, f"ray.{ending}")) == plain(read(tmp_path, f"local.{ending}"))
        more = ["--ray-workers", 2, "--prices", prices, "--max-cost", 1]
        code, _, err = run(command(tmp_path, server.url, "no.json", *more, *on))
        assert (code, "kept by one worker" in err) == (2, True), err
    with Server(key="sk-another") as server:
        code, _, err = run(command(tmp_path, server.url, "key.json", *on))
        assert (code, len(server.order)) == (3, 0), err
        assert KEY not in err
        assert "key" in err
    clear = (KEY.encode(), b"In case", b"captions.jsonl", os.fsencode(tmp_path))
    for path in node.logs.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [one for one in clear if one in content], path


def test_a_killed_driver_goes_on(tmp_path: Path, node: ray_nodes.Node) -> None:
    captions(tmp_path, 150)
    on = ["--runner", "ray", "--ray-address", node.address, "--concurrency", 4]
    with Server(key=KEY) as server:
        server.delay = 0.05
        arguments = command(tmp_path, server.url, "ray.json", *on)
        environment = os.environ | {"MEDCLI_API_KEY": KEY}
        with subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 120
            while len(server.order) < 60 and time.monotonic() < deadline:
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
        time.sleep(2)  # Ray ends the worker
        asked = len(server.order)
        assert 60 <= asked < 150
        code, out, err = run(arguments)
        assert code == 0, err
        assert json.loads(out)["accepted"] == 150
        assert len(server.order) <= 150 + 40  # what was in flight, or on its way to the ledger
