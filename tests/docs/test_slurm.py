"""The recipe for SLURM, with its own commands, in a loop and with the variables that SLURM sets."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_scrub import mixed, product
from tests.docs.pages import DOCS, Shell, blocks

PAGE = DOCS / "recipes" / "slurm.md"
STEPS = {block.name: block.text for block in blocks(PAGE, "bash")}


@pytest.mark.parametrize("name", sorted(STEPS))
def test_each_step_is_a_script_that_bash_can_read(name: str) -> None:
    subprocess.run(["bash", "-n"], input=STEPS[name].encode(), check=True)
    if "#SBATCH" in STEPS[name]:
        assert STEPS[name].startswith("#!/bin/bash\n#SBATCH --job-name=")


class Cluster(Shell):
    """A shell with the steps of the page as files."""

    def __init__(self, folder: Path, **more: str) -> None:
        super().__init__(folder, BASE=str(folder / "work"), **more)
        for name, text in STEPS.items():
            (self.folder / f"{name}.sbatch").write_text(text)

    def array(self, name: str) -> None:
        done = self.run(f"set -- {name}.sbatch\n{STEPS['loop']}")
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_array_of_scrub_gives_the_release_of_an_undivided_run(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, SLURM_ARRAY_TASK_COUNT="3")
    inbox = mixed(cluster.folder, 30)
    (inbox / "report.txt").write_text("Patient MRN-0000, Quittenbaum Adelheid. No effusion.\n")
    cluster.array("scrub")
    cluster.array("texts")
    merged = cluster.run(STEPS["merge"].replace("--output", "--json --output"))
    assert merged.returncode == 5, merged.stderr
    assert json.loads(merged.stdout)["from_earlier_runs"] == json.loads(merged.stdout)["items"]
    whole = cluster.run("medcli scrub inbox --output whole --key-file key --workers 1 || [ $? -eq 5 ]")
    assert whole.returncode == 0, whole.stderr
    for name in ("release", "whole"):  # the recipe asks for no crosswalk
        (cluster.folder / f"{name}-confidential" / "crosswalk.csv").write_text("")
    assert product(cluster.folder, "release") == product(cluster.folder, "whole")


@pytest.mark.slow
def test_the_array_of_ask_and_of_download(tmp_path: Path) -> None:
    from scripts.tiny_model import make
    from tests.ask.inputs import picture
    from tests.data.bucket import Bucket, jpeg, serving
    from tests.data.test_images import llava

    cluster = Cluster(tmp_path, SLURM_ARRAY_TASK_COUNT="2", MODEL=str(make(tmp_path / "model")))
    (cluster.folder / "images").mkdir()
    picture(cluster.folder / "images" / "a.png")
    rows = [
        {"question_id": n, "text": f"What is {n}?", **({"image": "a.png"} if n % 3 else {})}
        for n in range(70)
    ]
    (cluster.folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cluster.array("ask")
    assert cluster.run(STEPS["merge-answers"]).returncode == 0
    answers = [json.loads(line) for line in (cluster.folder / "answers.jsonl").read_text().splitlines()]
    assert [row["question_id"] for row in answers] == list(range(70))

    with serving(Bucket()) as bucket:
        for pmcid in range(1, 5):
            bucket.article(pmcid, {1: {"f.jpg": jpeg(pmcid)}})
        figures = [llava(pmcid, "f.jpg", f"fig-{pmcid}") for pmcid in range(1, 5)]
        (cluster.folder / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in figures))
        (cluster.folder / "medcli.toml").write_text(
            f'[download.images]\nbase-url = ["bucket={bucket.url}"]\n'
        )
        cluster.array("download")
        bucket.log.clear()
        done = cluster.run(STEPS["merge-download"])
        assert done.returncode == 0, done.stderr
        assert bucket.log == []
    assert len(list((cluster.folder / "pmc" / "images").iterdir())) == 4


@pytest.mark.slow
def test_the_array_of_generate_instruct(tmp_path: Path) -> None:
    from tests.instruct.inputs import captions
    from tests.instruct.server import Server

    with Server() as server:
        cluster = Cluster(tmp_path, SLURM_ARRAY_TASK_COUNT="2", SERVER=server.url, MODEL="tiny")
        captions(cluster.folder, 20)
        cluster.array("generate")
        asked = sum(server.asked.values())
        done = cluster.run(STEPS["merge-generated"])
        assert done.returncode == 0, done.stderr
        assert sum(server.asked.values()) == asked == 20
    assert len(json.loads((cluster.folder / "train.json").read_text())) == 20
