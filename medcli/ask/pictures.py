"""Where the picture of a question lies: in a folder, or in a store, from which it is borrowed.

A borrowed picture is a file in the run's private folder, one subfolder a process, kept while questions about it and its
neighbours are asked; the oldest go when there are many, and all go when the run ends. Knows names; refuses to open
pictures.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medcli import storage
from medcli.errors import InputError, ItemFailed
from medcli.files import private_folder, safe_relative
from medcli.storage import Url

_KEPT = 2048  # more than two chunks, or all requests in flight, can speak of
UNREACHABLE = "images-unreachable"


class Pictures:
    """The folder or URL of the pictures; picklable.

    Parameters
    ----------
    place
        Where they are.
    scratch
        Folder for borrowed ones, made when the first is.
    """

    def __init__(self, place: Path | Url, scratch: Path) -> None:
        self._place, self._scratch = place, scratch
        self._known: OrderedDict[str, Path] = OrderedDict()
        self._lock = threading.Lock()
        self._own: Path | None = None

    def __reduce__(self) -> tuple[type[Pictures], tuple[Path | Url, Path]]:
        """Travel without what was borrowed."""
        return Pictures, (self._place, self._scratch)

    def locate(self, image: str) -> Path:
        """Return the path of an image that a row names; of one that is not there, a path where nothing is.

        Raises
        ------
        ItemFailed
            ``image-outside-folder`` if the name leads elsewhere; ``images-unreachable`` if the store does not answer.
        """
        try:
            name = safe_relative(image)
        except InputError:
            raise ItemFailed("image-outside-folder") from None
        return (
            self._place / name if isinstance(self._place, Path) else self._borrowed(self._place / str(name))
        )

    def _borrowed(self, url: str) -> Path:
        with self._lock:
            known = self._known.get(url)
            if known is not None:
                self._known.move_to_end(url)
                return known
            if self._own is None:
                self._own = self._folder()
        target = self._own / f"{secrets.token_hex(8)}{Path(url).suffix}"
        try:
            with storage.borrowed(url, str(target.parent)) as held:
                os.link(held, target)
        except (FileNotFoundError, PermissionError):
            return target  # where nothing is, as of a folder's missing pictures
        except storage.Unreachable:
            raise ItemFailed(UNREACHABLE) from None
        with self._lock:
            self._known[url] = target
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)[1].unlink(missing_ok=True)
        return target

    def _folder(self) -> Path:
        """One of this process's own: in the run's folder, or, on a machine that does not have that, a temporary one."""
        if self._scratch.parent.is_dir():
            return private_folder(self._scratch / secrets.token_hex(8))
        return Path(tempfile.mkdtemp(prefix="medcli-pictures-"))


@contextmanager
def pictures_in(place: Path | Url, state: Path) -> Iterator[Pictures]:
    """The pictures for the length of a run, in whose folder what is borrowed lies; what an earlier run left goes too."""
    scratch = state / "pictures"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        yield Pictures(place, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
