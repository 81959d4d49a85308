"""What may not go to a model until it can be cleaned: DICOM and clinical notes, to a server on another machine.

Stands in the gate's place until the text gate is there: it cleans nothing, it refuses. Knows which servers are
remote. A file that is no picture is not sent whatever it is: only decoded pixels are.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from medcli.errors import ItemFailed
from medcli.models.endpoint.client import is_remote

DICOM = "gate-refused-dicom"
NOTES = "gate-refused-notes"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Decides what is refused.

    Attributes
    ----------
    notes, dicom : bool
        Whether notes, and DICOM, are refused.
    """

    notes: bool = False
    dicom: bool = False

    @classmethod
    def of(cls, gate: str, urls: Iterable[str]) -> Refusal:
        """Decide by ``--gate`` and where the servers are.

        ``on`` also keeps notes from a model on this machine; of DICOM only the pixels go there, whatever the gate.
        """
        remote = any(is_remote(url) for url in urls)
        return cls(notes=gate == "on" or (gate == "remote" and remote), dicom=gate != "off" and remote)

    def reason(self, *, notes: bool, images: Iterable[Path]) -> str:
        """Return why a question must not be asked, or the empty string."""
        if self.notes and notes:
            return NOTES
        if self.dicom and any(_is_dicom(image) for image in images):
            return DICOM
        return ""


@functools.lru_cache(256)  # questions come ordered by image
def _is_dicom(path: Path) -> bool:
    from medcli.imaging import is_dicom

    try:
        return is_dicom(path)
    except ItemFailed:
        return False  # not there: nothing that could be sent
