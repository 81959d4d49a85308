"""Long texts in windows that a model can take, and spans back from them.

Knows characters. Windows overlap, so that what stands across a border stands whole in one of them.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["windows"]


def windows(text: str, length: int, overlap: int) -> Iterator[tuple[int, str]]:
    """Yield offset and text of each window; cut at white space where there is any near the border.

    >>> list(windows("abc def ghi", 7, 3))
    [(0, 'abc def'), (4, 'def ghi')]
    """
    start = 0
    while start < len(text):
        end = min(start + length, len(text))
        if end < len(text):
            space = text.rfind(" ", start + overlap + 1, end + 1)
            end = space if space > start else end
        yield start, text[start:end]
        if end == len(text):
            return
        back = text.find(" ", max(end - overlap - 1, start), end)
        start = back + 1 if start < back + 1 < end else max(end - overlap, start + 1)
