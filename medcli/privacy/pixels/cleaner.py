"""Clean the pixels of one file that was de-identified otherwise: find, destroy, write, and prove it from the disk.

Knows the order of the work, and when it has to be given up. What it gets is a written file whose header is clean; what
it gives is another one that differs in the pixels under the boxes and in what is said of them. Refuses to trust what it
wrote: it reads it again, decodes every frame, compares each with the source's outside the boxes, and looks once more.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli.privacy.dicom.encoding import Damaged, Encoding, Odd
from medcli.privacy.dicom.write import Written
from medcli.privacy.pixels.cleaning import Cleaned, Work, opened
from medcli.privacy.pixels.detector import DetectorFailed, Quad, usual
from medcli.privacy.pixels.image import Unclean
from medcli.privacy.pixels.looking import Looker
from medcli.privacy.pixels.places import places

if TYPE_CHECKING:
    from collections.abc import Iterable

    from medcli.privacy.dicom.header import Header
    from medcli.privacy.pixels.detector import Detector
    from medcli.privacy.pixels.faces import Faces
    from medcli.privacy.pixels.policy import PixelPolicy
    from medcli.privacy.text.known import Known

__all__ = ["Cleaned", "PixelCleaner"]


class PixelCleaner:
    """Cleans files under one policy and one key; one a process.

    Parameters
    ----------
    policy
        The user's choice.
    key
        What noise derives from.
    detector
        Another detector than the usual one.
    """

    def __init__(self, policy: PixelPolicy, key: bytes, detector: Detector | None = None) -> None:
        self._policy = policy
        self._key = hmac.digest(key, b"pixels", "sha256")
        self._detector = detector
        self._looker: Looker | None = None
        self._faces: Faces | None = None
        #: The first frame of the last file, before and after, and its boxes: for the review page, confidential.
        self.shown: tuple[Any, Any, tuple[tuple[int, int, int, int], ...]] | None = None

    def clean(
        self,
        written: Written,
        known: Known | None,
        series: str,
        target: Path | str | None,
        *,
        marks: Callable[[Encoding], tuple[bytes, bytes]],
        meta: Callable[[str], bytes],
        source: Header | None = None,
        more: Iterable[Quad] = (),
        faces: bool = False,
    ) -> Cleaned:
        """Clean one written file.

        Parameters
        ----------
        written
            The file, its header clean.
        known
            What its source's header knows of the patient.
        series
            What all files of a series share.
        target
            Where the result goes; None keeps it in memory.
        marks, meta
            Give the elements (0012,0062) to (0012,0064) for an encoding, and the head of a file for a transfer syntax.
        source
            The source's header, for rectangles by device; the written one's where it is None.
        more
            What a person drew.
        faces
            Whether faces are looked for.

        Raises
        ------
        Unclean
            Why the file has to be withheld.
        """
        self.shown = None
        try:
            with written.again() as stored, opened(stored, target) as (data, frame, head):
                seed = hmac.digest(self._key, series.encode(), "sha256")
                work = Work(self, places(data, frame), known, seed, source)
                work.quads += more
                work.faces = self.faces() if faces else None
                return work.run(head, target, marks, meta)
        except DetectorFailed:
            raise Unclean("detector-failed") from None
        except (Damaged, Odd):
            raise Unclean("pixels-undecodable") from None

    def looker(self) -> Looker:
        """What looks; the detector is loaded when the first file needs it."""
        if self._looker is None:
            self._looker = Looker(self._detector or usual())
        return self._looker

    def faces(self) -> Faces:
        """What looks for faces; loaded when the first photograph needs it."""
        if self._faces is None:
            from medcli.privacy.pixels.faces import Faces

            self._faces = Faces()
        return self._faces

    @property
    def policy(self) -> PixelPolicy:
        """The user's choice."""
        return self._policy
