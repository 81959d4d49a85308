"""What hides from a detector: bits beside the stored ones, code streams behind code streams, one frame of a cine, grain."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, get_frame

from medcli.privacy.pixels.codestream import size_of, stripped
from medcli.privacy.pixels.detector import Quad, Reading, usual
from medcli.privacy.pixels.finding import Finder
from medcli.privacy.pixels.hunt import Hunt
from medcli.privacy.pixels.image import Image
from medcli.privacy.pixels.looking import Looker, mask_of
from medcli.privacy.pixels.renderings import grain
from medcli.privacy.pixels.showing import Shown, alike_colours
from tests.privacy.pixels import burned
from tests.privacy.pixels.burned import BASELINE, COLUMNS, J2K, JLS, LE, MONO8, RLE, ROWS, Form
from tests.privacy.pixels.test_matrix import scrubber

TEXT = "QUISTGAARD"


class Blank:
    """Sees no text but the control string."""

    name = "blank"

    def find(self, picture: Any, *, sensitive: bool = False) -> list[Quad]:
        high = picture.shape[0]
        return [Quad((10, high - 14, 80, high - 14, 80, high - 6, 10, high - 6))]

    def read(self, picture: Any, quads: Any) -> list[Reading]:
        return [Reading("", 0.0) for _ in quads]


@pytest.fixture(scope="module")
def looker() -> Looker:
    return Looker(usual())


def ink(shape: tuple[int, int] = (ROWS, COLUMNS), scale: float = 0.8) -> np.ndarray:
    """Where text stands."""
    drawn = cv2.putText(
        np.zeros(shape, np.uint8), TEXT, (20, 60), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_AA
    )
    return drawn > 100


def grainy(value: float = 60, seed: int = 0, shape: tuple[int, int] = (ROWS, COLUMNS)) -> np.ndarray:
    return np.random.default_rng(seed).normal(value, 4, shape).clip(0, 255).astype(np.uint8)


def coded(syntax: str, picture: np.ndarray) -> bytes:
    made = {
        JLS: imagecodecs.jpegls_encode,
        BASELINE: lambda values: imagecodecs.jpeg8_encode(values, level=92),
        J2K: lambda values: imagecodecs.jpeg2k_encode(values, codecformat="j2k", level=0, reversible=True),
    }
    return bytes(made[syntax](picture))


def capsule(syntax: str, *streams: bytes) -> pydicom.Dataset:
    """One frame whose fragments are the streams."""
    ds = burned.dataset(MONO8, LE, 1)
    ds.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    ds.PixelData = encapsulate([raw + b"\0" * (len(raw) % 2) for raw in streams])
    ds["PixelData"].VR = "OB"
    return ds


def native(values: np.ndarray, **numbers: Any) -> pydicom.Dataset:
    ds = burned.dataset(MONO8, LE, 1)
    frames = values if values.ndim == 3 else values[None]
    ds.NumberOfFrames, ds.Rows, ds.Columns = frames.shape
    ds.PixelData = values.tobytes()
    for name, value in numbers.items():
        setattr(ds, name, value)
    return ds


def released(ds: pydicom.Dataset, target: Path, detector: Any = None) -> pydicom.Dataset:
    made = scrubber(detector or Blank())
    if isinstance(detector, Looker):
        made._pixels._looker = detector
    result = made.scrub(burned.file_of(ds), target)
    assert (result.status, result.reason) == ("released", "")
    return pydicom.dcmread(target)


@pytest.mark.parametrize("syntax", [JLS, BASELINE, J2K])
@pytest.mark.parametrize("apart", [False, True], ids=["behind", "a fragment of its own"])
def test_a_second_code_stream_goes_and_the_first_stays(syntax: str, apart: bool, tmp_path: Path) -> None:
    first, second = (coded(syntax, grainy(60, seed)) for seed in (1, 2))
    second = second + b"\0" * (len(second) % 2)
    ds = capsule(syntax, first, second) if apart else capsule(syntax, first + second)
    after = released(ds, tmp_path / "out")
    stream = get_frame(after.PixelData, 0, number_of_frames=1)
    assert stream.rstrip(b"\0") == first.rstrip(b"\0")
    assert second[-200:-2] not in (tmp_path / "out").read_bytes()
    assert after.file_meta.TransferSyntaxUID == syntax


def test_thumbnails_in_application_segments_go(tmp_path: Path) -> None:
    raw, thumbnail = coded(BASELINE, grainy()), coded(BASELINE, grainy(90, 3, (60, 80)))
    told = b"JFXX\0\x10" + thumbnail
    raw = raw[:2] + b"\xff\xe0" + (len(told) + 2).to_bytes(2, "big") + told + raw[2:]
    after = released(capsule(BASELINE, raw), tmp_path / "out")
    stream = get_frame(after.PixelData, 0, number_of_frames=1)
    assert thumbnail[-100:-2] not in stream
    np.testing.assert_array_equal(imagecodecs.jpeg8_decode(stream), imagecodecs.jpeg8_decode(raw))


def test_boxes_of_a_jp2_file_go(tmp_path: Path) -> None:
    picture = grainy()
    raw = bytes(imagecodecs.jpeg2k_encode(picture, codecformat="jp2", level=0, reversible=True))
    after = released(capsule(J2K, raw), tmp_path / "out")
    stream = get_frame(after.PixelData, 0, number_of_frames=1)
    assert stream[:4] == b"\xff\x4f\xff\x51"
    np.testing.assert_array_equal(imagecodecs.jpeg2k_decode(stream), picture)


def test_a_second_fragment_of_a_run_length_frame_is_withheld(tmp_path: Path) -> None:
    raw = burned.coded_frame(MONO8, RLE, burned.samples(MONO8, 0))
    result = scrubber(Blank()).scrub(burned.file_of(capsule(RLE, raw, raw)), tmp_path / "out")
    assert (result.status, result.reason) == ("withheld", "pixels-frames-unclear")


@pytest.mark.parametrize("syntax", [JLS, BASELINE, J2K])
def test_streams_without_more_are_the_same_object(syntax: str) -> None:
    raw = coded(syntax, grainy())
    assert stripped(raw) is raw
    padded = raw + b"\0\0"
    assert stripped(padded) is padded
    assert size_of(raw) == (ROWS, COLUMNS)
    for length in range(0, len(raw), 997):
        stripped(raw[:length])
        size_of(raw[:length])


def test_a_stream_that_claims_another_size_is_not_decoded(tmp_path: Path) -> None:
    raw = bytearray(coded(BASELINE, grainy()))
    at = raw.find(b"\xff\xc0")
    raw[at + 5 : at + 9] = b"\xea\x60\xea\x60"  # 60,000 by 60,000 pixels
    started = time.process_time()
    result = scrubber(Blank()).scrub(burned.file_of(capsule(BASELINE, bytes(raw))), tmp_path / "out")
    assert (result.status, result.reason) == ("withheld", "pixels-undecodable")
    assert time.process_time() - started < 2


@pytest.mark.parametrize(("high", "bit", "signed"), [(11, 14, 0), (15, 1, 0), (11, 13, 1)])
def test_text_in_bits_beside_the_stored_ones_is_destroyed(
    high: int, bit: int, signed: int, looker: Looker, tmp_path: Path
) -> None:
    values = grainy().astype(np.uint16) << (high - 11)
    mask = ink()
    values[mask] ^= np.uint16(1 << bit)
    ds = native(values, BitsAllocated=16, BitsStored=12, HighBit=high, PixelRepresentation=signed)
    after = released(ds, tmp_path / "out", looker)
    words = np.frombuffer(after.PixelData, "<u2").reshape(ROWS, COLUMNS)
    assert (words[mask] >> bit & 1).mean() < 0.02
    assert (words != values).mean() < 0.2


def test_what_is_no_more_than_a_sign_is_no_overlay() -> None:
    image = Image(4, 4, 1, 1, 16, 12, 11, signed=True, photometric="MONOCHROME2")
    values = np.arange(-8, 8, dtype=np.int16).reshape(4, 4)
    words = values.view(np.uint16)
    assert not image.spare(words).any()
    assert len(Shown(image).pictures(words)) == 1


def test_numbers_that_are_none_do_not_hinder(tmp_path: Path) -> None:
    values = grainy().astype(np.float32) / 7
    values[0, :4] = np.nan, np.inf, -np.inf, 3e38
    ds = native(values, BitsAllocated=32)
    del ds.PixelData, ds.BitsStored, ds.HighBit
    ds.FloatPixelData = values.tobytes()
    after = released(ds, tmp_path / "out", burned.Fixed())
    left, top, right, bottom = burned.BOX
    found = np.frombuffer(after.FloatPixelData, "<f4").reshape(ROWS, COLUMNS)
    filled = found[top:bottom, left:right]
    assert np.isfinite(filled).all()
    assert (filled == filled[0, 0]).all()
    np.testing.assert_array_equal(found[:8], values[:8])


def test_text_of_one_frame_is_found_where_others_are_as_bright(looker: Looker, tmp_path: Path) -> None:
    frames = np.stack([grainy(seed=number) for number in range(9)])
    frames[1::2, 30:90] = grainy(235, 50)[30:90]
    mask = ink()
    frames[6][mask] = 250
    after = released(native(frames), tmp_path / "out", looker)
    assert (after.pixel_array[6][mask] > 200).mean() < 0.05


@pytest.mark.parametrize("colours", [((255, 0, 0), (0, 130, 0)), ((255, 90, 0), (255, 150, 0))])
def test_text_on_bright_colours_is_found(colours: Any, looker: Looker) -> None:
    picture = np.zeros((ROWS, COLUMNS, 3), np.uint8)
    mask = ink()
    picture[:], picture[mask] = colours
    assert mask_of(looker.look([picture]), ROWS, COLUMNS)[mask].mean() > 0.98


def test_text_in_a_few_of_many_grey_levels_is_found(looker: Looker) -> None:
    values = np.full((ROWS, COLUMNS), 30_000, np.uint16)
    mask = ink()
    values[mask] += 40
    values[:2], values[-2:] = 0, 65535
    shown = Shown(Image(ROWS, COLUMNS, 1, 1, 16, 16, 15, signed=False, photometric="MONOCHROME2"))
    assert mask_of(looker.look(shown.pictures(values)), ROWS, COLUMNS)[mask].mean() > 0.98


def test_what_a_palette_hides_is_shown() -> None:
    indices = ink((80, 240)).astype(np.uint8)
    table = np.zeros((256, 3), np.uint8)
    (hidden,) = alike_colours(indices, table)
    np.testing.assert_array_equal(hidden > 0, indices > 0)
    table[1] = 200
    assert alike_colours(indices, table) == []
    points = (np.random.default_rng(1).random((80, 240)) < 0.02).astype(np.uint8)
    assert alike_colours(points, np.zeros((256, 3), np.uint8)) == []


def test_low_contrast_on_speckle_is_found_and_speckle_alone_is_not(looker: Looker) -> None:
    speckle = np.random.default_rng(5).rayleigh(34, (ROWS, COLUMNS)).clip(0, 255)
    mask = cv2.putText(
        np.zeros((ROWS, COLUMNS), np.uint8), TEXT, (20, 90), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 2
    )
    picture = np.where(mask > 100, 34 * 1.2533 + 30, speckle).astype(np.uint8)
    assert grain(picture) is not None
    finder = Finder(looker, Hunt(None))
    assert mask_of(finder.find([picture]), ROWS, COLUMNS)[mask > 100].mean() > 0.9
    assert finder.find([speckle.astype(np.uint8)]) == []
    assert grain(grainy()) is None


@pytest.mark.parametrize("stored", [4, 6, 7])
def test_fewer_bits_than_a_byte_are_shown_in_full(stored: int) -> None:
    form = Form("few", 8, stored)
    shown = Shown(Image(ROWS, COLUMNS, 1, 1, 8, stored, stored - 1, signed=False, photometric="MONOCHROME2"))
    picture = shown.pictures(burned.words(form, burned.samples(form, 0)))[-1]
    assert picture.max() == 255


def test_files_that_claim_what_they_do_not_hold_are_withheld(tmp_path: Path) -> None:
    for numbers in ({"Rows": 0}, {"Rows": 65535, "Columns": 65535}, {"NumberOfFrames": 2_000_000_000}):
        raw = io.BytesIO()
        native(grainy(), **numbers).save_as(raw, enforce_file_format=True)
        result = scrubber(Blank()).scrub(raw.getvalue(), tmp_path / "out")
        assert result.status == "withheld"
        assert result.reason in ("pixel-length", "pixels-unusual")
    assert list(tmp_path.iterdir()) == []
