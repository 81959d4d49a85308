"""What a person decided on a review page: read from the file that the page exports.

Knows the file's form. It is confidential, for its notes are a person's words. Refuses to know what comes of a decision.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from medcli.errors import InputError

__all__ = ["FORMAT", "NOTHING", "VERDICTS", "Decision", "read_decisions"]

FORMAT = "medcli decisions 1"
VERDICTS = ("approve", "mask", "withhold")
_RECTANGLES, _ID_LENGTH = 500, 256


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


#: What stands for no decision.
NOTHING = Decision("approve")


def read_decisions(path: Path) -> Mapping[str, Decision]:
    """Decisions by identifier of the image.

    Raises
    ------
    InputError
        Where the file is not what the page exports; the message names no image.
    """
    try:
        found = json.loads(path.read_bytes())
        return dict(_decided(found["decisions"] if found["format"] == FORMAT else None))
    except OSError as error:
        raise InputError(f"--decisions can't be read: {os.strerror(error.errno or 0)}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            "--decisions is not what a review page exports.", hint="Use the page's button 'Export decisions'."
        ) from None


def _decided(entries: Any) -> Iterator[tuple[str, Decision]]:
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
