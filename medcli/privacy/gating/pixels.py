"""Text in the pixels that a model is shown: found, filled, and looked for again.

Knows decoded pictures, and what is known of the patient. Refuses to show a picture in which something can still be read
after it was filled. Refuses to know files and headers. Faces stay: nothing here looks for them.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from medcli.privacy.pixels.looking import Looker
    from medcli.privacy.text.known import Known

__all__ = ["TextCleaner", "Unreadable"]


class Unreadable(Exception):
    """Text is still readable in a picture that was cleaned."""


class TextCleaner:
    """Fills lines of text with black; see :class:`medcli.privacy.gating.images.PixelCleaner`. Picklable."""

    name = "text"
    version = "1"

    def __init__(self) -> None:
        self._looker: Looker | None = None
        self._lock = Lock()  # questions are gated in threads; the detector is one

    def __reduce__(self) -> tuple[type[TextCleaner], tuple[()]]:
        return TextCleaner, ()

    def load(self) -> Looker:
        """Load the detector.

        Raises
        ------
        MissingExtra
            If the extra ``ocr`` is not installed.
        """
        if self._looker is None:
            from medcli.privacy.pixels.detector import usual
            from medcli.privacy.pixels.looking import Looker

            self._looker = Looker(usual())
        return self._looker

    def clean(self, picture: Picture, known: Known) -> Picture:
        """The picture in RGB, with a black rectangle over each line of text.

        Raises
        ------
        Unreadable
            If something can be read in the outcome, by another rendering than before.
        UnfitPicture
            If the detector fails.
        """
        import numpy as np
        from PIL import Image

        from medcli.privacy.pixels.finding import Finder
        from medcli.privacy.pixels.hunt import Hunt
        from medcli.privacy.pixels.sight import TextSight

        with self._lock:
            sight = TextSight(Finder(self.load(), Hunt(known)))
            pixels = np.array(picture.convert("RGB"))
            found = sight.find(pixels)
            for left, top, right, bottom in found:
                pixels[top:bottom, left:right] = 0
            if found and sight.find(pixels, second=True):
                raise Unreadable
        return Image.fromarray(pixels) if found else picture


class Remembered:
    """Cleaned pictures, so that questions about one image are shown one picture."""

    def __init__(self, most: int = 8) -> None:
        self._most, self._kept = most, OrderedDict[Any, Any]()

    def get(self, key: Any) -> Any:
        """What was kept under a key; None where nothing is."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, key: Any, shown: Any) -> Any:
        """Keep, and hand back."""
        self._kept[key] = shown
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return shown
