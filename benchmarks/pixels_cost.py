"""What looking, cleaning and proving cost, and the memory of a worker: ``python -m benchmarks.pixels_cost``.

CPU-seconds of one process with one thread. Each picture is written as a DICOM file and taken through the scrubber.
"""

from __future__ import annotations

import argparse
import io
import resource
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from benchmarks.machine import machine, sentence
from benchmarks.pixels_set import pictures
from benchmarks.table import keep

#: A side's bars: one look, cleaning and proving.
BARS = {512: (0.6, 2.5), 2048: (10, 35)}


def dicom(frames: Any) -> bytes:
    """Grey frames (frames, rows, columns) as a secondary capture."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", generate_uid()
    ds.PatientID, ds.PatientName, ds.Modality = "1", "Quistgaard^Ottoline", "OT"
    ds.NumberOfFrames, ds.Rows, ds.Columns = frames.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation, ds.PixelData = 7, 0, frames.tobytes()
    ds["PixelData"].VR = "OB"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def grey(side: int, seed: int) -> Any:
    """An 8-bit grey picture with text."""
    return next(
        one.pixels
        for one in pictures(3, seed=seed, side=side)
        if one.pixels.dtype == np.uint8 and one.pixels.ndim == 2
    )


def timed(work: Any) -> float:
    """CPU-seconds of a call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 2048], help="of pictures (512 2048)")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    arguments = parser.parse_args()
    facts, figures = machine(), dict[str, float]()
    from medcli.privacy.dicom.scrubber import Scrubber
    from medcli.privacy.pixels.detector import usual
    from medcli.privacy.pixels.looking import Looker
    from medcli.privacy.pixels.policy import PixelPolicy
    from medcli.privacy.policy import Policy

    def scrubbed(raw: bytes) -> float:
        with tempfile.TemporaryDirectory() as folder:
            return timed(lambda: scrubber.scrub(raw, Path(folder) / "out"))

    scrubber = Scrubber(Policy(pixels="auto", look=PixelPolicy()), b"k" * 32)
    scrubbed(dicom(grey(512, 3)[None]))  # the models are loaded now
    print(f"One thread. {sentence(facts)}\n")
    print("| What | CPU-seconds | Bar |\n| --- | --- | --- |")
    for side, bar_look, bar_whole in ((side, *BARS[side]) for side in arguments.sides):
        seeds = (1, 5, 7) if side == 512 else (5,)
        drawn = [grey(side, seed) for seed in seeds]
        looks = [timed(partial(Looker(usual()).look, [one])) for one in drawn]
        wholes = [scrubbed(dicom(one[None])) for one in drawn]
        figures |= {f"look {side}": float(np.median(looks)), f"whole {side}": float(np.median(wholes))}
        print(f"| one look at {side} px | {np.median(looks):.2f} | {bar_look} |")
        print(f"| cleaning and proving {side} px | {np.median(wholes):.2f} | {bar_whole} |", flush=True)
    one = grey(512, 9)
    single = scrubbed(dicom(one[None]))
    noise = np.random.default_rng(1)
    cine = np.stack([np.maximum(one, noise.integers(0, 20, one.shape).astype(np.uint8)) for _ in range(300)])
    print(
        f"| a 300-frame cine of 512 px, constant layout | {scrubbed(dicom(cine)):.1f} | {10 * single:.1f} |"
    )
    keep(arguments.json, "pixels_cost", facts | figures)
    same = dicom(one[None])
    scrubbed(same)
    print(f"| a frame that was seen before | {scrubbed(same):.2f} | |")
    print(
        f"\nPeak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB (bar 1536)."
    )


if __name__ == "__main__":
    main()
