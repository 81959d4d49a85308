"""Where a released file goes: by pseudonym, in the input's shape, or inside a file-set with legal File IDs.

Knows names. Everything here is derived from one key, so that a later run gives the same names and no name of the
input is ever seen in a release. Refuses to know files and their content.
"""

from __future__ import annotations

import base64
import hmac
import re
from functools import lru_cache

__all__ = ["LAYOUTS", "FileSets", "Names", "study_path"]

LAYOUTS = ("study", "mirror")

#: Folders that a mirrored path has at most, so that it fits into any file system's longest path.
_DEEPEST = 64

_FILE_ID = re.compile(r"[A-Z0-9_]{1,8}(/[A-Z0-9_]{1,8}){0,7}")
_SAFE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")


class Names:
    """Names derived from names.

    Parameters
    ----------
    key
        The key of all pseudonyms.
    """

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"name", "sha256")
        self._folder = lru_cache(maxsize=1024)(self._uncached_folder)

    def derived(self, text: str, length: int = 12) -> str:
        """`length` characters of A-Z2-7 (5 bits each) that stand for `text`; at most 16."""
        digest = hmac.digest(self._key, text.encode("utf-8", "surrogateescape"), "sha256")
        return base64.b32encode(digest[:10]).decode("ascii")[:length]

    def mirrored(self, label: str, path: str) -> str:
        """The path in the release's shape of the input, without a suffix.

        Parameters
        ----------
        label
            The source's own name: it is the first component.
        path
            Relative to the source, with ``/``; a member of an archive stands below the archive. Empty for a source
            that is a file itself.

        Returns
        -------
        str
            As many components as `label` and `path` have together, each derived from the path that leads to it; what
            lies deeper than 64 folders is one component.
        """
        whole = f"{label}/{path}" if path else label
        folder, _, _ = whole.rpartition("/")
        name = self.derived(whole)
        return f"{self._folder(folder)}/{name}" if folder else name

    def _uncached_folder(self, folder: str) -> str:
        parts = folder.split("/", _DEEPEST - 1)
        return "/".join(self.derived("/".join(parts[:depth])) for depth in range(1, len(parts) + 1))

    def safe(self, component: str) -> str:
        """`component` if it can be a file name anywhere, else a name derived from it."""
        return component if _SAFE.fullmatch(component) else self.derived(f"component\0{component}")


def study_path(names: Names, patient: str, study: str, series: str, instance: str) -> str:
    """``patient/study/series/<instance>.dcm``; with retained UIDs a file's own text stands here, so it is not trusted."""
    safe = names.safe
    return f"{safe(patient)}/{safe(study)}/{safe(series)}/{safe(instance)}.dcm"


class FileSets:
    """The folders in which a DICOMDIR was found, and the names of files below them.

    A File ID has at most eight components of at most eight characters out of A-Z, 0-9 and _ (PS3.10 8.2, 8.5).

    Parameters
    ----------
    names
        The source of names.
    layout
        ``study`` or ``mirror``.
    folders
        Mirrored paths of folders that hold a DICOMDIR.
    """

    def __init__(self, names: Names, layout: str, folders: frozenset[str]) -> None:
        self._names = names
        self._layout = layout
        self._folders = folders

    def folder_of(self, mirrored: str) -> str:
        """The nearest folder with a DICOMDIR above a file's mirrored path; empty where there is none."""
        folder = mirrored
        while self._folders and folder:
            folder, _, _ = folder.rpartition("/")
            if folder in self._folders:
                return folder
        return ""

    def released(self, folder: str) -> str:
        """Where the file-set of `folder` lies in the release."""
        return folder if self._layout == "mirror" else "fileset-" + folder.rpartition("/")[2]

    def holds(self, folder: str, path: str) -> bool:
        """Whether a file of the release lies in the file-set of `folder`, under a legal File ID."""
        root = self.released(folder) + "/"
        return path.startswith(root) and self.is_file_id(path[len(root) :])

    @staticmethod
    def is_file_id(path: str) -> bool:
        """Whether a path inside a file-set is legal there."""
        return _FILE_ID.fullmatch(path) is not None

    def path(self, folder: str, identity: tuple[str, str, str, str], *, again: int = 0) -> str:
        """A file's path in the file-set of `folder`; `again` gives another last name where that one is taken.

        `identity` is the new patient, study, series and instance.
        """
        derived = self._names.derived
        patient, study, series, instance = identity
        parts = [patient, f"{patient}\0{study}", f"{study}\0{series}", f"{series}\0{instance}\0{again or ''}"]
        return "/".join([self.released(folder), *(derived(f"file id\0{part}", 8) for part in parts)])
