"""The real files that pydicom and pydicom-data install, and what medcli releases of them.

Knows where they lie. Refuses to know what makes a file good; the tests beside it ask others for that.
"""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from medcli.privacy.dicom import Scrubber
from medcli.privacy.policy import Policy

KEY = bytes(range(32))
PROFILES = ("basic", "strict")


class Release(NamedTuple):
    """A file as it came, and as it was released."""

    source: Path
    target: Path


def real_files() -> list[Path]:
    """Give every file of the installed test sets, smallest first; some are not DICOM."""
    from pydicom.data import get_charset_files, get_testdata_files

    found = {Path(str(each)).resolve() for each in get_testdata_files() + get_charset_files()}
    return sorted((each for each in found if each.is_file()), key=lambda each: (each.stat().st_size, each))


@cache
def releases(profile: str, folder: Path) -> tuple[Release, ...]:
    """Scrub every real file into ``folder``, pixels taken as they are, and give those that were released."""
    scrubber = Scrubber(Policy(profile, pixels="off"), KEY)
    done = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, source in enumerate(real_files()):
            target = folder / f"{profile}-{number:03d}.dcm"
            if scrubber.scrub(source, target).status == "released":
                done.append(Release(source, target))
    return tuple(done)


def new_folder() -> Path:
    """Make a folder for a test module; the module removes it."""
    return Path(mkdtemp(prefix="medcli-conformance-"))
