"""A multi-frame object of 2 GiB goes through in flat memory, its pixels untouched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.privacy import build

LIMIT = 200 * 1024
CHILD = """
import resource, sys
from pathlib import Path
from medcli.privacy.dicom import Scrubber
from medcli.privacy.policy import Policy
done = Scrubber(Policy(pixels="off"), bytes(32)).scrub(Path(sys.argv[1]), Path(sys.argv[2]))
print(done.status, done.reason or "-", done.size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize("size", [64 << 20, 2 << 30], ids=["64MiB", "2GiB"])
def test_memory_is_flat(size: int, tmp_path: Path) -> None:
    source, target = build.sparse(tmp_path / "large.dcm", size), tmp_path / "out.dcm"
    child = [sys.executable, "-c", CHILD, str(source), str(target)]
    root = Path(__file__).parents[2]
    done = subprocess.run(child, check=True, capture_output=True, text=True, timeout=900, cwd=root)
    status, reason, written, peak = done.stdout.split()
    assert (status, reason) == ("released", "-")
    assert int(written) > size
    assert int(peak) < LIMIT, f"{int(peak) // 1024} MiB"
