"""Frames with text overwritten, laid out as the file had them, or as native pixels where the syntax can't stay.

Knows native pixels, fragments, offset tables, and what other attributes say of the pixels. Refuses to find text.
"""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from medcli.privacy.dicom.codes import PIXEL_DATA
from medcli.privacy.dicom.encoding import EXPLICIT, EXPLICIT_LE
from medcli.privacy.dicom.pixels import Poured
from medcli.privacy.pixels import capsules, codecs
from medcli.privacy.pixels.codestream import stripped
from medcli.privacy.pixels.image import Image, Unclean
from medcli.privacy.pixels.places import LENGTHS, LOSSY, OFFSETS, PHOTOMETRIC, PLANAR, element_of

if TYPE_CHECKING:
    from medcli.privacy.dicom.segments import Segment
    from medcli.privacy.pixels.frames import Frames

__all__ = ["form_after", "rewritten"]

#: Re-encoded frames are held in memory up to this many bytes, then in a file without a name.
_HELD = 64 << 20
#: The greatest length of native pixels (a 32-bit length that is even and not the undefined one).
_LONGEST = 0xFFFFFFFE
#: Unaligned single-bit frames are packed together up to this many pixels.
_BITS = 1 << 28
Change = Callable[[int, Any], Any]


def form_after(frames: Frames) -> tuple[str, Image]:
    """Transfer syntax and form of the pixels when they are written: the same, or native and RGB for lossy JPEG.

    Raises
    ------
    Unclean
        ``pixels-unusual`` where nobody here writes the syntax; ``too-large`` where native pixels have no room.
    """
    image, syntax = frames.image, frames.syntax
    if syntax not in codecs.JPEG_LOSSY:
        if frames.encapsulated and not codecs.kept(syntax):
            raise Unclean("pixels-unusual")
        return syntax, image
    photometric = "RGB" if image.samples == 3 else image.photometric
    after = replace(image, photometric=photometric, planar=False, little=True, swapped=False, coded="")
    if after.frame_bits * after.frames // 8 > _LONGEST:
        raise Unclean("too-large")
    return EXPLICIT, after


def rewritten(
    frames: Frames, change: Change | None, folder: str | None, stack: ExitStack
) -> tuple[dict[int, bytes], list[Segment]]:
    """Changed elements, and what stands in place of the pixels' element.

    Parameters
    ----------
    frames
        The frames as they are.
    change
        Gives the new words of a frame; None where only what code streams carry beside their picture goes.
    folder
        Where a file without a name may lie; None for memory only.
    stack
        Closes that file, when the segments were written.
    """
    syntax, after = form_after(frames)
    if frames.encapsulated and (change is None or syntax == frames.syntax):
        return _encapsulated(frames, change, folder, stack)
    return _native(frames, change or _same, after, lossy=syntax != frames.syntax)


def _same(number: int, words: Any) -> Any:  # noqa: ARG001 - a Change
    return words


def _native(
    frames: Frames, change: Change, after: Image, *, lossy: bool
) -> tuple[dict[int, bytes], list[Segment]]:
    places = frames.places
    encoding = EXPLICIT_LE if lossy else places.frame.encoding
    length = (after.frame_bits * after.frames + 7) // 8
    padded = length + length % 2 if lossy else places.pixel.end - places.pixel.value
    head = element_of(encoding, after, PIXEL_DATA, padded) if lossy else _head(frames)

    def pour() -> Iterator[bytes]:
        yield from _packed(frames, change, after)
        yield b"\0" * (padded - length)

    return (_lossy_elements(frames, after) if lossy else {}), [head, Poured(0, padded, pour)]


def _head(frames: Frames) -> bytes:
    """The bytes before native pixels, as they are."""
    pixel = frames.places.pixel
    return frames.places.data[pixel.start : pixel.value]


def _packed(frames: Frames, change: Change, after: Image) -> Iterator[bytes]:
    if after.allocated > 1:
        for number in range(len(frames)):
            yield after.pack(change(number, frames.words(number)))
        return
    import numpy as np

    if after.frame_bits % 8 and after.frame_bits * after.frames > _BITS:
        raise Unclean("pixels-unusual")
    step = 1 if after.frame_bits % 8 == 0 else len(frames)
    for first in range(0, len(frames), step):
        bits = [change(number, frames.words(number)).ravel() for number in range(first, first + step)]
        yield np.packbits(np.concatenate(bits), bitorder="little").tobytes()


def _lossy_elements(frames: Frames, after: Image) -> dict[int, bytes]:
    put = EXPLICIT_LE.element
    dataset = frames.places.dataset
    new = {OFFSETS: b"", LENGTHS: b""}
    if after.samples == 3:
        new[PHOTOMETRIC] = put(PHOTOMETRIC, "CS", after.photometric.encode())
        new[PLANAR] = put(PLANAR, "US", struct.pack("<H", 0))
    if str(dataset.get("LossyImageCompression", "")).strip() != "01":
        new[LOSSY] = put(LOSSY, "CS", b"01")
    return new


def _encapsulated(
    frames: Frames, change: Change | None, folder: str | None, stack: ExitStack
) -> tuple[dict[int, bytes], list[Segment]]:
    """Changed frames encoded anew, each as one fragment; the others with the fragments they have."""
    assert frames.capsule is not None
    store: IO[bytes] = stack.enter_context(
        tempfile.SpooledTemporaryFile(max_size=_HELD, dir=folder) if folder else io.BytesIO()  # noqa: SIM115
    )
    lengths: list[list[int]] = []
    plan: list[tuple[int, int] | None] = []
    for number, fragments in enumerate(frames.capsule.frames):
        raw = _anew(frames, number, change)
        if raw is None:
            lengths.append([stop - start for start, stop in fragments])
            plan.append(None)
            continue
        plan.append((store.tell(), len(raw)))
        store.write(raw)
        lengths.append([len(raw)])
    starts, sizes = capsules.offsets(lengths)
    pixel = frames.places.pixel
    head = frames.places.data[pixel.start : pixel.value] + capsules.header(starts, table=frames.capsule.table)
    body = sum(8 + length for frame in lengths for length in frame)
    pour = _pourer(frames, plan, store)
    return _tables(frames, starts, sizes), [head, Poured(0, body, pour), capsules.end()]


def _anew(frames: Frames, number: int, change: Change | None) -> bytes | None:
    """A frame's new code stream; None where it stays as it is."""
    import numpy as np

    raw = frames.raw(number)
    boxed = raw[4:8] == b"jP  "  # a JP2 file, with whatever boxes it has
    if change is not None or boxed:
        words = frames.words(number)
        new = words if change is None else change(number, words)
        if boxed or not np.array_equal(new, words):
            return codecs.encode(frames.syntax, frames.image, new, raw)
    clean = stripped(raw)
    return None if clean is raw else clean


def _pourer(
    frames: Frames, plan: list[tuple[int, int] | None], store: IO[bytes]
) -> Callable[[], Iterator[bytes]]:
    def pour() -> Iterator[bytes]:
        assert frames.capsule is not None
        for where, fragments in zip(plan, frames.capsule.frames, strict=True):
            if where is None:
                for start, stop in fragments:
                    yield capsules.item_header(stop - start) + frames.places.data[start:stop]
            else:
                store.seek(where[0])
                yield capsules.item_header(where[1]) + store.read(where[1])

    return pour


def _tables(frames: Frames, starts: list[int], sizes: list[int]) -> dict[int, bytes]:
    """New extended offset tables, where there were some."""
    if not frames.extended:
        return {}
    put = frames.places.frame.encoding.element
    return {
        OFFSETS: put(OFFSETS, "OV", struct.pack(f"<{len(starts)}Q", *starts)),
        LENGTHS: put(LENGTHS, "OV", struct.pack(f"<{len(sizes)}Q", *sizes)),
    }
