"""Review by a person: what a worker notes of each image for the page.

Knows pieces, one file an image beside the page. They are confidential: a piece holds the original's picture. Refuses to
know how the page looks (:mod:`review_page`) and what is decided on it (:mod:`decisions`).
"""

from __future__ import annotations

import base64
import io
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medcli.files import private_folder
from medcli.privacy.release import writing

__all__ = ["Review", "prepare"]

#: Longest sides of the two sizes in which a picture is noted, and their quality; the page takes what fits.
LARGE, SMALL = (640, 70), (256, 55)


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
