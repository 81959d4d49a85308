"""Every released file opens in pydicom and in independent readers, and its pixels decode to the source's."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest

from tests.conformance.corpus import PROFILES, Release, new_folder, releases
from tests.privacy import build

if TYPE_CHECKING:
    import numpy as np

READERS = {
    "dcmtk": ["dcmdump", "--quiet", "--print-short", "--load-short", "+E"],
    "gdcm": ["gdcmdump"],
}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    path = new_folder()
    yield path
    shutil.rmtree(path)


def opens(command: list[str], path: Path) -> bool:
    """Say whether a reader takes the whole file."""
    done = subprocess.run([*command, str(path)], capture_output=True, timeout=120, check=False)
    return done.returncode == 0


def pixels(path: Path) -> np.ndarray | None:
    """Decode the pixels; None where the file has none or no installed decoder takes them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(path, force=True)
        try:
            return ds.pixel_array
        except Exception:  # noqa: BLE001 - no pixels, no decoder, or pixels that are damaged in the source
            return None


@pytest.mark.parametrize("profile", PROFILES)
def test_pydicom_reads_every_element(profile: str, folder: Path) -> None:
    for source, target in releases(profile, folder):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds = pydicom.dcmread(target)
            count = sum(1 for _ in ds.iterall())
        assert count > 3, source.name
        assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID, source.name


@pytest.mark.slow  # a second process for each of hundreds of files; `make test` has what dciodvfy says
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("profile", PROFILES)
def test_an_independent_reader_opens_every_file(profile: str, reader: str, folder: Path) -> None:
    command = READERS[reader]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    refused = [source.name for source, target in releases(profile, folder) if not opens(command, target)]
    assert refused == []


@pytest.mark.parametrize("reader", READERS)
def test_the_reader_refuses_what_is_broken(reader: str, tmp_path: Path) -> None:
    if shutil.which(READERS[reader][0]) is None:
        pytest.skip(f"{READERS[reader][0]} is not installed")
    path = tmp_path / "cut.dcm"
    path.write_bytes(build.sample("CT_small.dcm")[:3000])
    assert not opens(READERS[reader], path)


def test_pixels_decode_to_the_same_image(folder: Path) -> None:
    import numpy as np

    compared = 0
    for release in releases("basic", folder):
        before, after = (pixels(path) for path in release)
        if before is None:
            continue
        assert after is not None, release.source.name
        if has_overlay_bits(release):
            continue
        assert np.array_equal(before, after), release.source.name
        compared += 1
    assert compared > 100


def has_overlay_bits(release: Release) -> bool:
    """Say whether overlays lie in the high bits of the pixels, which a release clears."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(release.source, force=True, stop_before_pixels=True)
    return any(
        group & 1 == 0 and (group, 0x0100) in ds and (group, 0x3000) not in ds
        for group in range(0x6000, 0x6020)
    )
