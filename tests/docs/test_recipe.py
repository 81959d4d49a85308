"""The recipe for a PACS inbox, with its own commands: a real storescp on loopback, real files, a growing inbox."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from medcli.settings import options_of
from tests.docs.pages import DOCS, Shell, blocks

PAGE = DOCS / "recipes" / "pacs-inbox.md"
STEPS = {block.name: block.text for block in blocks(PAGE, "bash")}
PATIENCE = 30.0

needs_dcmtk = pytest.mark.skipif(
    not (shutil.which("storescp") and shutil.which("storescu")), reason="dcmtk is not installed"
)


class Site(Shell):
    """The folders of the recipe and a sender."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.base = folder / "scrub"
        super().__init__(
            folder, BASE=str(self.base), PORT=str(self.port), AET="SCRUB", DAYS="0", MEDCLI_SCRUB_WORKERS="1"
        )

    def step(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a step of the recipe."""
        return self.run(STEPS[name])

    def send(self, *names: str) -> None:
        """Send sample files and wait until all of them lie in the inbox."""
        from pydicom.data import get_testdata_file

        there = len(self.inbox())
        files = [str(get_testdata_file(name)) for name in names]
        subprocess.run(["storescu", "-aec", "SCRUB", "127.0.0.1", str(self.port), *files], check=True)
        until(lambda: len(self.inbox()) == there + len(names))

    def inbox(self) -> list[str]:
        return os.listdir(self.base / "inbox")

    def released(self) -> dict[str, str]:
        """Path and hash of every released file."""
        root = self.base / "release"
        return {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in root.rglob("*.dcm")
        }

    def account(self) -> Counter[str]:
        """How many lines of files.csv have which status."""
        with (self.base / "release-confidential" / "files.csv").open(newline="") as table:
            return Counter(row["status"] for row in csv.DictReader(table))


def until(reached: object) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():  # type: ignore[operator]
        assert time.monotonic() < deadline, "storescp did not do it in time"
        time.sleep(0.05)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Folders made and storescp listening, by the recipe's first two steps."""
    made = Site(tmp_path)
    assert made.step("folders").returncode == 0
    receiver = made.start(STEPS["receive"])

    def listening() -> bool:
        assert receiver.poll() is None
        return socket.socket().connect_ex(("127.0.0.1", made.port)) == 0

    try:
        until(listening)
        yield made
    finally:
        os.killpg(receiver.pid, signal.SIGTERM)
        receiver.wait()


@needs_dcmtk
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_growing_inbox_is_released_bit_by_bit(site: Site) -> None:
    site.send("CT_small.dcm", "MR_small.dcm", "SC_rgb.dcm")
    assert os.listdir(site.base / "incoming") == []
    first = site.step("scrub")
    assert first.returncode == 5, first.stderr
    assert site.account() == {"released": 2, "withheld": 1}
    before = site.released()

    (site.base / "incoming" / "CT.half").write_bytes(b"what was never completed")
    site.send("CT_small.dcm", "rtplan.dcm")
    assert site.step("scrub").returncode == 5
    assert site.account() == {"released": 3, "duplicate": 1, "withheld": 1}
    after = site.released()
    assert before.items() < after.items()
    assert "pixels-not-examined" in site.step("withheld").stdout
    assert site.step("verify").returncode == 0

    assert site.step("retention").returncode == 0
    assert len(site.inbox()) == 1
    assert site.step("scrub").returncode == 5
    assert site.released() == after
    site.send("MR_small.dcm")
    assert site.step("scrub").returncode == 5
    assert site.account() == {"released": 3, "duplicate": 1, "withheld": 1}
    assert site.released() == after
    assert site.step("verify").returncode == 0


@needs_dcmtk
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_empty_inbox_gives_exit_code_4(site: Site) -> None:
    assert site.step("scrub").returncode == 4


def test_the_unit_receives_as_the_step_does() -> None:
    units = "\n".join(block.text for block in blocks(PAGE, "ini"))
    (line,) = re.findall(r"^ExecStart=(.*storescp.*)$", units, re.MULTILINE)
    assert set(re.findall(r"--[a-z-]+", line)) == set(re.findall(r"--[a-z-]+", STEPS["receive"]))


def test_the_schedules_use_options_that_exist() -> None:
    known = {f"--{name.replace('_', '-')}" for name in options_of(_spec())} | {"--json"}
    lines = [
        line
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if re.search(r"medcli scrub [\"/]", line)
    ]
    assert len(lines) >= 3
    for line in lines:
        assert set(re.findall(r" (--[a-z-]+)", line.partition("medcli scrub")[2])) <= known


def _spec() -> type:
    from medcli.privacy.spec import ScrubSpec

    return ScrubSpec
