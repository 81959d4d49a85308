"""The one door to a model: every question, of a file or of the command line, goes through :meth:`Admission.admit`.

Only what it hands back may be asked: the type :data:`Admitted` says so, in this process and for a server. It has the
text, the turns before and the pictures in its hands, and may hand back others. Until the text gate is there it cleans
nothing and refuses instead: DICOM and clinical notes, to a server on another machine. Knows which servers are remote.
A file that is no picture is not sent whatever it is: only decoded pixels are.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NewType

from medcli.errors import ItemFailed
from medcli.models.endpoint.client import is_remote
from medcli.models.protocol import Request

DICOM = "gate-refused-dicom"
NOTES = "gate-refused-notes"

Admitted = NewType("Admitted", Request)
"""A request that a model may see."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Decides what a model may see.

    Attributes
    ----------
    notes, dicom : bool
        Whether notes, and DICOM, are refused.
    """

    notes: bool = False
    dicom: bool = False

    @classmethod
    def of(cls, gate: str, urls: Iterable[str]) -> Admission:
        """Decide by ``--gate`` and where the servers are.

        ``on`` also keeps notes from a model on this machine; of DICOM only the pixels go there, whatever the gate.
        """
        remote = any(is_remote(url) for url in urls)
        return cls(notes=gate == "on" or (gate == "remote" and remote), dicom=gate != "off" and remote)

    def admit(self, request: Request, *, notes: bool = False) -> Admitted:
        """Return what a model may see of a request.

        Parameters
        ----------
        request : Request
            As the person, or the file, has it.
        notes : bool
            Whether its text is said to hold clinical notes.

        Raises
        ------
        ItemFailed
            ``gate-refused-dicom`` or ``gate-refused-notes``.
        """
        if self.notes and notes:
            raise ItemFailed(NOTES)
        if self.dicom and any(_is_dicom(picture.source) for picture in request.pictures):
            raise ItemFailed(DICOM)
        return Admitted(request)


@functools.lru_cache(256)  # questions come ordered by image
def _is_dicom(path: Path) -> bool:
    from medcli.imaging import is_dicom

    try:
        return is_dicom(path)
    except ItemFailed:
        return False  # not there: nothing that could be sent
