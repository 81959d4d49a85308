"""What the gate and the memory of looks spare on a mixed folder: ``python -m benchmarks.pixels_mixed``.

A folder as departments hand it over: original slices, radiographs, captures, ultrasound stills that come several times,
cines, plain pictures. Each file is scrubbed in one process under ``--pixels auto``; counted is which were looked at and
why, which passed unseen, how many looks were asked for and how many of them were remembered, and CPU-seconds.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine, sentence
from benchmarks.pixels_cost import dicom
from benchmarks.pixels_set import pictures
from benchmarks.table import keep, table

FILES = 200
_CR, _CT, _US, _US_CINE = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("1", "2", "6.1", "3.1"))


@dataclass
class Kind:
    """Files of one kind, and what came of them."""

    files: int = 0
    looked: int = 0
    asked: int = 0
    remembered: int = 0
    seconds: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)


def copied(raw: bytes, **values: Any) -> bytes:
    """The same file with an instance UID of its own, and other attributes."""
    from pydicom import dcmread
    from pydicom.uid import generate_uid

    ds = dcmread(io.BytesIO(raw))
    for name, value in values.items():
        setattr(ds, name, value)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def sample(name: str) -> bytes:
    """A file that pydicom installs."""
    from pydicom.data import get_testdata_file

    return Path(str(get_testdata_file(name))).read_bytes()


def still() -> bytes:
    """A real ultrasound with a burned-in header, of the deid-data wheel."""
    import deid_data

    folder = Path(deid_data.__file__).parent / "data" / "ultrasounds"
    return (folder / "GREYSCALE_IMAGE.dcm").read_bytes()


def mixed(count: int) -> Iterator[tuple[str, str, bytes]]:
    """Kind, ``dicom`` or ``picture``, and the bytes of `count` files."""
    share = max(count // 20, 1)
    ct, mr, us = sample("CT_small.dcm"), sample("MR_small.dcm"), still()
    for _ in range(7 * share):
        yield "CT, original slices", "dicom", copied(ct)
    for _ in range(4 * share):
        yield "MR, original slices", "dicom", copied(mr, ImageType=["ORIGINAL", "PRIMARY"])
    for _ in range(share):
        yield "CT, reformats (SECONDARY)", "dicom", copied(ct, ImageType=["DERIVED", "SECONDARY"])
    drawn = list(pictures(2 * share, seed=31))
    grey = [one.pixels if one.pixels.ndim == 2 else one.pixels.max(axis=2) for one in drawn]
    shown = [(one >> 4).astype(np.uint8) if one.dtype == np.uint16 else one for one in grey]
    for one in shown[:share]:
        yield "radiographs", "dicom", copied(dicom(one[None]), SOPClassUID=_CR, Modality="CR")
        said = {"SOPClassUID": _CR, "Modality": "CR", "BurnedInAnnotation": "NO", "BitsAllocated": 16}
        deep = one.astype(np.uint16) * 16
        values = said | {"BitsStored": 12, "HighBit": 11, "PixelData": deep.tobytes()}
        yield "radiographs, Burned In Annotation NO", "dicom", copied(dicom(one[None]), **values)
    for one in shown[share:]:
        yield "secondary captures", "dicom", copied(dicom(one[None]))
    for _ in range(2 * share):
        yield "one ultrasound still, many files", "dicom", copied(us)
    for number in range(max(share // 5, 1)):
        frames = cine(shown[number])
        yield (
            "ultrasound cines, 30 frames",
            "dicom",
            copied(dicom(frames), SOPClassUID=_US_CINE, Modality="US"),
        )
    for one in shown[:share]:
        yield "PNG", "picture", png(one)
        yield "PNG, seen before", "picture", png(one)


def cine(picture: Any) -> Any:
    """30 frames in which the grain moves and the text stays."""
    noise = np.random.default_rng(1)
    return np.stack(
        [np.maximum(picture, noise.integers(0, 20, picture.shape).astype(np.uint8)) for _ in range(30)]
    )


def png(picture: Any) -> bytes:
    """A plain picture."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


class Counting:
    """The scrubbers of a process, counted."""

    def __init__(self) -> None:
        from medcli.privacy.dicom.scrubber import Scrubber
        from medcli.privacy.pixels import gate
        from medcli.privacy.pixels.finding import Finder
        from medcli.privacy.pixels.hunt import Hunt
        from medcli.privacy.pixels.pictures import PictureScrubber
        from medcli.privacy.pixels.policy import PixelPolicy
        from medcli.privacy.pixels.sight import TextSight
        from medcli.privacy.policy import Policy

        self.asked = self.done = 0
        self.reason = ""
        self.scrubber = Scrubber(Policy(pixels="auto", look=PixelPolicy()), b"k" * 32)
        self._asks = gate.reason
        gate.reason = self._gate
        self.scrubber.scrub(copied(dicom(np.zeros((1, 64, 64), np.uint8))), None)
        assert self.scrubber._pixels is not None  # noqa: SLF001 - counted from within
        looker = self.scrubber._pixels.looker()  # noqa: SLF001
        self._look, self._looked = looker._look, looker._looked  # noqa: SLF001
        looker._look, looker._looked = self._counted, self._worked  # type: ignore[method-assign]  # noqa: SLF001
        self.pictures = PictureScrubber([TextSight(Finder(looker, Hunt(None)))])

    def _gate(self, head: Any, mode: str) -> str:
        self.reason = self._asks(head, mode)
        return self.reason

    def _counted(self, *given: Any, **named: Any) -> Any:
        self.asked += 1
        return self._look(*given, **named)

    def _worked(self, *given: Any, **named: Any) -> Any:
        self.done += 1
        return self._looked(*given, **named)

    def scrub(self, kind: Kind, route: str, raw: bytes, target: Path) -> None:
        """One file."""
        before, self.reason = (self.asked, self.done), ""
        started = time.process_time()
        result: Any = (
            self.scrubber.scrub(raw, target) if route == "dicom" else self.pictures.scrub(raw, target)
        )
        kind.seconds += time.process_time() - started
        reason = self.reason if route == "dicom" else "every picture"
        asked, done = self.asked - before[0], self.done - before[1]
        kind.files += 1
        kind.looked += bool(reason)
        kind.asked += asked
        kind.remembered += asked - done
        kind.reasons[reason] += 1
        kind.statuses[result.status] += 1


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=FILES, help="of the folder, about (200)")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    arguments = parser.parse_args()
    facts, kinds, counting = machine(), dict[str, Kind](), Counting()
    with tempfile.TemporaryDirectory() as folder:
        for name, route, raw in mixed(arguments.files):
            counting.scrub(kinds.setdefault(name, Kind()), route, raw, Path(folder) / "out")
    rows = [
        (
            name,
            one.files,
            one.looked,
            next(iter(one.reasons.most_common(1)))[0] or "none",
            f"{one.remembered} of {one.asked}",
            f"{one.seconds / one.files:.3f}",
            one.statuses["released"],
        )
        for name, one in kinds.items()
    ]
    total = {
        what: sum(getattr(one, what) for one in kinds.values())
        for what in ("files", "looked", "asked", "remembered", "seconds")
    }
    print(f"A mixed folder, --pixels auto. {sentence(facts)}\n")
    print(
        table(
            ("files", "of them", "looked at", "because", "looks remembered", "CPU-seconds each", "released"),
            rows,
        )
    )
    print(
        f"\n{total['looked']} of {total['files']} files were looked at, {total['files'] - total['looked']} passed unseen."
        f" {total['remembered']} of {total['asked']} looks were remembered. {total['seconds']:.0f} CPU-seconds."
    )
    keep(arguments.json, "pixels_mixed", facts | total)


if __name__ == "__main__":
    main()
