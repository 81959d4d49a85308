"""What every test of the core asks for: a scrubber that checks the target as it goes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.unit.privacy.dicom.samples import Scrub, scrub_to


@pytest.fixture
def scrub(tmp_path: Path) -> Scrub:
    return partial(scrub_to, tmp_path / "released.dcm")
