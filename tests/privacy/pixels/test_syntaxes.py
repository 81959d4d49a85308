"""Each transfer syntax that pydicom's dictionary lists: what comes of a file in it, and that the docs have it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom._uid_dict import UID_dictionary
from pydicom.encaps import encapsulate, get_frame

from tests.privacy.pixels import burned
from tests.privacy.pixels.burned import J2K, MONO8, MONO12, NATIVE, RGB, Form
from tests.privacy.pixels.test_matrix import inside, scrubber

_DICOM = "1.2.840.10008.1.2"
SYNTAXES = sorted(uid for uid, about in UID_dictionary.items() if about[1] == "Transfer Syntax")
#: These are written, masked and read again in test_matrix.py and here.
WRITTEN = {
    *NATIVE,
    *(f"{_DICOM}.4.{n}" for n in (50, 51, 57, 70, 80, 81, 90, 91, 92, 93, 201, 202, 203)),
    f"{_DICOM}.5",
    f"{_DICOM}.1.98",
}
VIDEO = re.compile(rf"{re.escape(_DICOM)}\.(4\.10\d(\.1)?|7\.\d)\Z")
RAW = f"{_DICOM}.1.98"


def relabelled(uid: str) -> bytes:
    """A file that says it is in a syntax, with a frame of some bytes."""
    ds = burned.dataset(MONO8, burned.RLE, 1)
    ds.file_meta.TransferSyntaxUID = pydicom.uid.UID(burned.LE)
    ds["PixelData"].VR = "OB"
    buffer = io.BytesIO()
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = pydicom.uid.UID(burned.RLE)
    ds.save_as(buffer, enforce_file_format=True)
    raw, told = buffer.getvalue(), burned.RLE.encode()
    told += b"\0" * (len(told) % 2)
    new = uid.encode() + b"\0" * (len(uid) % 2)
    at = raw.index(b"UI" + len(told).to_bytes(2, "little") + told, 132)
    grown = int.from_bytes(raw[140:144], "little") + len(new) - len(told)
    head = raw[:140] + grown.to_bytes(4, "little") + raw[144:at]
    return head + b"UI" + len(new).to_bytes(2, "little") + new + raw[at + 4 + len(told) :]


@pytest.mark.parametrize("uid", [uid for uid in SYNTAXES if uid not in WRITTEN])
def test_what_is_not_supported_is_withheld_with_a_reason(uid: str, tmp_path: Path) -> None:
    result = scrubber().scrub(relabelled(uid), tmp_path / "out")
    assert result.status == "withheld"
    if VIDEO.match(uid):
        assert result.reason == "video"
    else:
        # What says that it is deflated, and is not, is damaged.
        assert result.reason == ("damaged" if uid.endswith((".95", ".205")) else "pixels-unusual")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uid", SYNTAXES)
def test_the_docs_have_each_syntax(uid: str) -> None:
    table = (Path(__file__).parents[3] / "docs/pixels.md").read_text(encoding="utf-8")
    table = table[table.index("## Codecs") : table.index("## Regions")]
    short = f".{uid.removeprefix(f'{_DICOM}.')}" if uid.startswith(f"{_DICOM}.") else uid
    assert f"`{short}`" in table


@pytest.mark.parametrize("form", [MONO8, MONO12, RGB], ids=lambda form: form.name)
def test_encapsulated_uncompressed_frames(form: Form, tmp_path: Path) -> None:
    ds = burned.dataset(form, burned.LE)
    coded = [burned.coded_frame(form, burned.LE, burned.samples(form, number)) for number in range(3)]
    ds.PixelData = encapsulate([one + b"\0" * (len(one) % 2) for one in coded])
    ds["PixelData"].VR = "OB"
    ds.file_meta.TransferSyntaxUID = pydicom.uid.UID(RAW)
    result = scrubber().scrub(burned.file_of(ds), tmp_path / "out")
    assert (result.status, result.reason) == ("released", "")
    after = pydicom.dcmread(tmp_path / "out")
    assert after.file_meta.TransferSyntaxUID == RAW
    left, top, right, bottom = burned.BOX
    for number in range(3):
        frame = get_frame(after.PixelData, number, number_of_frames=3)
        new, old = (
            np.frombuffer(raw[: len(coded[number])], np.dtype(f"<u{form.allocated // 8}")).reshape(
                burned.ROWS, burned.COLUMNS, form.samples
            )
            for raw in (frame, coded[number])
        )
        np.testing.assert_array_equal(new[~inside()], old[~inside()])
        assert len(np.unique(new[top:bottom, left:right])) == 1


@pytest.mark.parametrize("number", [92, 93])
def test_streams_of_part_1_under_the_syntaxes_of_part_2(number: int, tmp_path: Path) -> None:
    ds = burned.dataset(MONO8, J2K)
    ds.file_meta.TransferSyntaxUID = pydicom.uid.UID(f"{_DICOM}.4.{number}")
    result = scrubber().scrub(burned.file_of(ds), tmp_path / "out")
    assert (result.status, result.reason) == ("released", "")
    after = pydicom.dcmread(tmp_path / "out")
    import imagecodecs

    for frame in range(3):
        new, old = (
            imagecodecs.jpeg2k_decode(get_frame(one.PixelData, frame, number_of_frames=3))
            for one in (after, ds)
        )
        np.testing.assert_array_equal(new[~inside()], old[~inside()])
