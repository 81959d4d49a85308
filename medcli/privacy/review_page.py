"""The review page: one HTML file that needs nothing else, made of the pieces that workers noted.

Knows the page's data: one block of JSON that is read at once, and blocks of pictures that are read when they are
looked at, so that a page of thousands of images opens quickly. Refuses to know files and pixels.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from medcli.files import atomic
from medcli.privacy.decisions import FORMAT
from medcli.privacy.review import Review

__all__ = ["PAGE", "write_page"]

PAGE = "review.html"
#: Images whose pictures are read together.
_CHUNK = 40
#: Bytes of pictures up to which the large ones are taken, and images that one page holds.
_LARGEST, _MOST = 64 << 20, 20_000


def write_page(
    review: Review, outcomes: Iterable[tuple[str, str, str, str]], decisions: Mapping[str, str]
) -> int:
    """Write the page, for its owner alone.

    Parameters
    ----------
    review
        Where the pieces lie; the page comes beside them.
    outcomes
        (row key, status, reason, path in the release or empty) of the run's files, in its order.
    decisions
        What was decided before, by image: JSON of verdict, rectangles and note.

    Returns
    -------
    int
        How many images it shows; at most 20,000, those that were withheld first.
    """
    listed = [one for one in outcomes if Path(f"{review.folder}/{one[0]}.json").exists()]
    listed.sort(key=lambda one: one[1] == "released")
    del listed[_MOST:]
    size = "large" if _bytes(review, listed) <= _LARGEST else "small"
    before, after = (resources.files("medcli.privacy") / "review_page.html").read_text().split("<!--data-->")
    path = Path(review.folder).with_name(PAGE)
    with atomic(path, mode=0o600, sync=False) as stream:
        stream.write(before.encode())
        images: list[dict[str, Any]] = []
        for chunk in _chunks(review, listed, size, images):
            stream.write(_block(f"chunk-{(len(images) - 1) // _CHUNK}", chunk))
        known = {image: _known(decision) for image, decision in decisions.items()}
        stream.write(
            _block("head", {"format": FORMAT, "chunk": _CHUNK, "images": images, "decisions": known})
        )
        stream.write(after.encode())
    return len(images)


def _bytes(review: Review, listed: Iterable[tuple[str, str, str, str]]) -> int:
    """About how many bytes the large pictures have; a piece is hardly more."""
    return sum(Path(f"{review.folder}/{one[0]}.json").stat().st_size for one in listed)


def _chunks(
    review: Review, listed: Iterable[tuple[str, str, str, str]], size: str, images: list[dict[str, Any]]
) -> Iterator[list[list[str]]]:
    """Pictures by chunks; what is read at once goes to `images`."""
    chunk: list[list[str]] = []
    for key, status, reason, path in listed:
        piece = review.piece(key)
        if piece is None:
            continue
        images.append(
            {name: piece[name] for name in ("id", "kind", "modality", "size", "boxes")}
            | {"status": status, "reason": reason, "path": path}
        )
        chunk.append(piece[size])
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _known(decision: str) -> dict[str, Any]:
    verdict, rectangles, note = json.loads(decision)
    return {"verdict": verdict, "rectangles": rectangles, "note": note}


def _block(name: str, value: object) -> bytes:
    """Data that the page reads; no text in it can end the block."""
    text = json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>\n'.encode()
