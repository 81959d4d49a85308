"""A thousand rows of each published shape, and a list as long as LLaVA-Med's: states as expected, memory flat."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from medcli.data.images.job import download_images
from medcli.data.images.spec import ImagesSpec
from tests.data.bucket import Bucket, jpeg, serving
from tests.data.test_images import lines, states

ROWS = 1000
LICENSES = ("CC BY", "CC BY-NC", "CC0", None)


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serving(Bucket()) as found:
        yield found


def sample(bucket: Bucket, shape: str) -> tuple[list[str], dict[str, str]]:
    """Rows of a shape with the states that they must end in, for commercial licences."""
    rng = random.Random(7)
    pictures = [jpeg(number) for number in range(20)]
    rows, expected = [], {}
    pmcid = 3_000_000
    while len(rows) < ROWS:
        pmcid += rng.randrange(1, 50)
        count = min(rng.randrange(1, 5), ROWS - len(rows))
        files = {f"journal-{pmcid}-g{n:03d}.jpg": rng.choice(pictures) for n in range(count)}
        license_, retracted, there = rng.choice(LICENSES), rng.random() < 0.05, rng.random() > 0.1
        lost = {name for name in files if rng.random() < 0.1}
        wrong = {name for name in files if rng.random() < 0.02} - lost
        if there:
            kept = {name: content for name, content in files.items() if name not in lost}
            bucket.article(pmcid, {1: kept}, license=license_, retracted=retracted, wrong_md5=tuple(wrong))
        for name in files:
            url = (
                f"ftp://ftp.ncbi.nlm.nih.gov/pub/pmc/oa_package/{rng.randrange(256):02x}/0a/PMC{pmcid}.tar.gz"
            )
            if shape == "roco":
                key = f"ROCO_{len(rows):05d}"
                scheme = f"PMC{pmcid}_{name}" if rng.random() < 0.5 else name
                rows.append(f"{key}\twget -r {url} -O {pmcid}.tar.gz\t{scheme}")
            else:
                key = f"{pmcid + 20_000_000}_Fig{len(rows)}"
                path = (
                    f"PMC{pmcid}/{name}" if rng.random() < 0.5 else f"PMC{pmcid}/{name.removesuffix('.jpg')}"
                )
                rows.append(json.dumps({"pmc_tar_url": url, "image_file_path": path, "pair_id": key}))
            state = "mismatch" if name in wrong else "gone" if name in lost else "done"
            if there and license_ not in ("CC BY", "CC0"):
                state = "license-blocked"
            state = "retracted" if there and retracted else state
            expected[key] = state if there else "gone"
    rng.shuffle(rows)
    return rows, expected


@pytest.mark.parametrize("shape", ["llava-med", "roco"])
def test_a_thousand_rows(tmp_path: Path, bucket: Bucket, shape: str) -> None:
    rows, expected = sample(bucket, shape)
    (tmp_path / "list").write_text("\n".join(rows) + "\n")
    base = (f"bucket={bucket.url}",)
    result = download_images(
        ImagesSpec(tmp_path / "list", tmp_path / "out", base_url=base, license="commercial", decode=False)
    )
    assert states(tmp_path) == expected
    assert result.facts["kinds"] == dict(Counter(expected.values()).most_common())
    assert len(lines(tmp_path, "manifest.jsonl")) == len(list((tmp_path / "out" / "images").iterdir()))
    assert max(Counter(one.path for one in bucket.asked("metadata/")).values()) == 1
    assert max(Counter(one.path for one in bucket.asked("list-type")).values()) == 1


@pytest.mark.slow
def test_memory_stays_flat_with_a_list_as_long_as_llava_meds(tmp_path: Path) -> None:
    rng = random.Random(1)
    with (tmp_path / "list").open("w") as stream:
        for number in range(721_154):
            pmcid = 1_000_000 + rng.randrange(230_000)
            row = {
                "pmc_tar_url": f"https://x/oa_package/5f/92/PMC{pmcid}.tar.gz",
                "pair_id": f"{pmcid}_Fig{number}",
            }
            stream.write(
                json.dumps(row | {"image_file_path": f"PMC{pmcid}/journal-{number}-g001.jpg"}) + "\n"
            )
    (tmp_path / "none").mkdir()
    command = [sys.executable, "-m", "medcli", "download", "images", str(tmp_path / "list")]
    command += ["--output", str(tmp_path / "out"), "--archives", str(tmp_path / "none"), "--json"]
    for _ in range(2):
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout
        told = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        assert told["kinds"] == {"gone": 721_154}
        assert usage.ru_maxrss < 250 * 1024
