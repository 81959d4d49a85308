"""Review by a person: what a worker notes for the page, and what the person decided.

Knows two files: pieces (one an image, beside the page) and decisions (JSON, exported by the page). Both are
confidential: a piece holds the original's picture. Refuses to know how the page looks (:mod:`review_page`).
"""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from medcli.errors import InputError
from medcli.files import private_folder
from medcli.privacy.release import writing

__all__ = ["FORMAT", "VERDICTS", "Decision", "Review", "prepare", "read_decisions"]

FORMAT = "medcli decisions 1"
VERDICTS = ("approve", "mask", "withhold")
#: Longest sides of the two sizes in which a picture is noted, and their quality; the page takes what fits.
LARGE, SMALL = (640, 70), (256, 55)
_MOST, _RECTANGLES = 1 << 30, 500
_ID_LENGTH = 256


class Decision(NamedTuple):
    """What a person decided on one image.

    Attributes
    ----------
    verdict
        ``approve``, ``mask`` (with `rectangles`, on every frame or page) or ``withhold``.
    rectangles
        (x0, y0, x1, y1) in pixels of the upright image, half open.
    note
        In the person's words; confidential.
    """

    verdict: str
    rectangles: tuple[tuple[int, int, int, int], ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """Where pieces are noted; picklable.

    Parameters
    ----------
    folder
        An existing private folder.
    """

    folder: str

    def note(
        self,
        key: str,
        identifier: str,
        shown: tuple[Any, Any, tuple[tuple[int, int, int, int], ...]],
        *,
        kind: str,
        modality: str,
    ) -> None:
        """Note one image: before, after (uint8, either may be None), boxes. `key` is the row's."""
        before, after, boxes = shown
        if before is None:
            return
        height, width = before.shape[:2]
        piece = {
            "id": identifier,
            "kind": kind,
            "modality": modality,
            "size": [width, height],
            "boxes": [list(box) for box in boxes],
            "large": [_thumbnail(one, *LARGE) for one in (before, after)],
            "small": [_thumbnail(one, *SMALL) for one in (before, after)],
        }
        path = f"{self.folder}/{key}.json"
        with open(os.open(path + ".part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(json.dumps(piece, separators=(",", ":")).encode())
        os.replace(path + ".part", path)

    def piece(self, key: str) -> dict[str, Any] | None:
        """What was noted under a row's key, if anything."""
        with suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads(Path(f"{self.folder}/{key}.json").read_bytes())
            return found
        return None


def prepare(folder: Path) -> Review:
    """Make the folder of a review, for its owner alone.

    Raises
    ------
    SetupError
        Where it can't be made.
    """
    pieces = folder / "images"
    with writing("--review"):
        folder.mkdir(parents=True, exist_ok=True)
        private_folder(folder)
        private_folder(pieces)
    return Review(str(pieces))


def _thumbnail(image: Any, longest: int, quality: int) -> str:
    """A picture as base64 of WebP; empty for None."""
    if image is None:
        return ""
    from PIL import Image

    shown = Image.fromarray(image)
    shown.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=2.0)
    out = io.BytesIO()
    shown.save(out, "WEBP", quality=quality, method=2)
    return base64.b64encode(out.getvalue()).decode()


def read_decisions(path: Path) -> Mapping[str, Decision]:
    """Decisions by identifier of the image.

    Raises
    ------
    InputError
        Where the file is not what the page exports; the message names no image.
    """
    try:
        if path.stat().st_size > _MOST:
            raise ValueError
        found = json.loads(path.read_bytes())
        if found["format"] != FORMAT:
            raise ValueError
        return dict(_decided(found["decisions"]))
    except OSError as error:
        raise InputError(f"--decisions can't be read: {os.strerror(error.errno or 0)}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            "--decisions is not what a review page exports.", hint="Use the page's button 'Export decisions'."
        ) from None


def _decided(entries: list[dict[str, Any]]) -> Iterator[tuple[str, Decision]]:
    for entry in entries:
        identifier, verdict, note = entry["image"], entry["verdict"], entry.get("note", "")
        rectangles = tuple(
            (int(x0), int(y0), int(x1), int(y1)) for x0, y0, x1, y1 in entry.get("rectangles", ())
        )
        if verdict not in VERDICTS or not isinstance(identifier, str) or not isinstance(note, str):
            raise ValueError
        if len(rectangles) > _RECTANGLES or not 0 < len(identifier) <= _ID_LENGTH:
            raise ValueError
        if any(not (0 <= x0 < x1 and 0 <= y0 < y1) for x0, y0, x1, y1 in rectangles):
            raise ValueError
        if verdict == "mask" and not rectangles:
            raise ValueError
        yield identifier, Decision(verdict, rectangles if verdict == "mask" else (), note)
