"""Pictures of a split: out of rows or out of archives, into one folder, each once.

Their bytes are not changed. Knows zip files and magic numbers; a name that leads outside is no picture.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Self

from medcli import files
from medcli.data.images.picture import ending_of
from medcli.errors import InputError, ItemFailed

_LARGEST = 1 << 30
_LEADING = 2


class Pictures:
    """Takes pictures.

    Parameters
    ----------
    folder : Path
        The split's; pictures go to ``images`` below it.
    archives : sequence of Path
        Zip files that pictures may be in.

    Raises
    ------
    InputError
        If an archive is none.
    """

    def __init__(self, folder: Path, archives: Sequence[Path] = ()) -> None:
        self._folder = folder
        self._zips: list[zipfile.ZipFile] = []
        self._members: dict[str, tuple[zipfile.ZipFile, zipfile.ZipInfo]] = {}
        self._bases: dict[str, str] = {}
        self._leading = {""}
        self._made: set[Path] = set()
        for path in archives:
            self._open(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._zips:
            one.close()

    def keep(self, content: bytes, name: str = "") -> str:
        """Write a picture; return its path in the split's folder, or the empty string if it is no picture.

        Without a name it is called after its content, so that a picture of many questions is there once.
        """
        try:
            ending = ending_of(content[:16])
        except ItemFailed:
            return ""
        stem = name or hashlib.sha256(content).hexdigest()[:20]
        return self._write(f"images/{stem}.{ending}", content)

    def find(self, name: str) -> str:
        """Take a picture from the archives; return its path in the split's folder, or the empty string."""
        member = self._place(name)
        if not member:
            return ""
        archive, info = self._members[member]
        path = f"images/{member}"
        if self._size(path) == info.file_size:
            return path
        if info.file_size > _LARGEST:
            return ""
        try:
            content = archive.read(info)
            ending_of(content[:16])
        except (ItemFailed, OSError, zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError):
            return ""
        return self._write(path, content)

    def members(self, folder: str, ending: str) -> list[str]:
        """Names in the archives with this folder among their folders, in order."""
        return sorted(
            name for name in self._members if name.endswith(ending) and folder in PurePosixPath(name).parts
        )

    def read(self, member: str) -> bytes:
        """What an archive has under a name of :meth:`members`.

        Raises
        ------
        InputError
            If it is damaged.
        """
        archive, info = self._members[member]
        try:
            return archive.read(info)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError):
            raise InputError(
                "An archive of the dataset is damaged.", hint="Say --restart to fetch it again."
            ) from None

    def _open(self, path: Path) -> None:
        try:
            archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile):
            raise InputError(
                "An archive of the dataset is none.", hint="Say --restart to fetch it again."
            ) from None
        self._zips.append(archive)
        for info in archive.infolist():
            try:
                name = files.safe_relative(info.filename)
            except InputError:
                continue
            if info.is_dir() or name.name.startswith(".") or "__MACOSX" in name.parts:
                continue
            self._members[str(name)] = (archive, info)
            self._bases[name.name] = "" if name.name in self._bases else str(name)
            for count in range(1, min(_LEADING, len(name.parts) - 1) + 1):
                self._leading.add("/".join(name.parts[:count]) + "/")

    def _place(self, name: str) -> str:
        """Where in the archives a picture is: under its path, behind their leading folders, or by its base name."""
        try:
            path = str(files.safe_relative(name))
        except InputError:
            return ""
        for leading in sorted(self._leading):
            if leading + path in self._members:
                return leading + path
        return self._bases.get(path.rpartition("/")[2], "")

    def _size(self, path: str) -> int:
        try:
            return (self._folder / path).stat().st_size
        except OSError:
            return -1

    def _write(self, path: str, content: bytes) -> str:
        target = self._folder / path
        if self._size(path) == len(content) and target.read_bytes() == content:
            return path
        if target.parent not in self._made:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(target.parent)
        part = target.with_name(f".{target.name}.part")
        part.write_bytes(content)
        os.replace(part, target)
        return path
