"""Where files come from: folders walked in a fixed order, and one file opened without surprises.

Knows names, sizes and times of files. Refuses to follow links, to open what is no regular file, to change anything,
and to know DICOM. Archives are files here; :mod:`medcli.privacy.archives` looks inside.
"""

from __future__ import annotations

import errno
import hmac
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from medcli import storage
from medcli.errors import InputError
from medcli.jobs.shards import WHOLE as WHOLE_PLAN
from medcli.jobs.shards import Shard, falls_to
from medcli.storage import Url, is_url

__all__ = ["Found", "Sources", "Unusable", "item_key", "open_file", "read_file", "unchanged"]

#: Files up to this size are read whole; larger ones are handed on by name.
WHOLE = 32 << 20
_NOT_OURS = {errno.ENOENT: "disappeared", errno.ENOTDIR: "disappeared", errno.ELOOP: "changed"}
#: Errors that say that too many files are open, which is no file's fault.
TOO_MANY = frozenset((errno.EMFILE, errno.ENFILE))
#: Reasons that speak of something that is no file of its own: it is ignored, not withheld.
NO_FILES = frozenset(("symlink", "special-file"))
_OPEN = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
)


class Found(NamedTuple):
    """One thing that a source holds.

    Attributes
    ----------
    root
        Which source, counted from 0.
    path
        Relative to the source, with ``/``; empty where the source is a file itself.
    size
        Bytes.
    mtime
        Nanoseconds; of an object in a store a mark of its content.
    refused
        Why it is not to be opened (``symlink``, ``special-file``, ``unreadable``, ``disappeared``), or empty.
    """

    root: int
    path: str
    size: int
    mtime: int
    refused: str = ""


class Unusable(Exception):
    """A file can't be used. Carries a reason code and no name.

    Parameters
    ----------
    reason
        ``disappeared``, ``changed`` or ``unreadable``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Sources:
    """The sources of a run, and what they hold in the order of their names.

    A file is known by where it lies, so that files of one name in two folders are never taken for each other. Names
    in a release derive from the source's own name (and its number among sources of the same name) instead.

    Parameters
    ----------
    paths
        Files, folders and URLs as the user gave them; a link given here is followed, links inside are not.
    shard
        Only what falls to this part, by its name: nothing else is looked at.

    Raises
    ------
    InputError
        Where one does not exist or can't be read.
    """

    def __init__(self, paths: Sequence[Path | Url], shard: Shard = WHOLE_PLAN) -> None:
        self._shard = shard
        self.roots = tuple(str(path) if is_url(path) else os.path.realpath(path) for path in paths)
        for number, root in enumerate(self.roots, 1):
            if not is_url(root):
                _check_readable(root, number)
        seen: dict[str, int] = {}
        labels = []
        for root in self.roots:
            name = os.path.basename(root) or "root"
            seen[name] = seen.get(name, 0) + 1
            labels.append(name if seen[name] == 1 else f"{name}\0{seen[name]}")
        self.labels = tuple(labels)

    def __iter__(self) -> Iterator[Found]:
        return self._found(self._shard)

    def _found(self, shard: Shard) -> Iterator[Found]:
        for number, root in enumerate(self.roots):
            if is_url(root):
                yield from _listed(root, number, shard)
            elif os.path.isdir(root):
                yield from _walk(root, number, shard)
            elif falls_to(root, shard):
                yield _look(root, "", number)

    def check_any(self) -> None:
        """Look for a first file that can be tried.

        Raises
        ------
        InputError
            Where there is none, which says what there is instead.
        """
        kinds = set()
        for found in self._found(WHOLE_PLAN):
            if not found.refused:
                return
            kinds.add(found.refused)
        if "unreadable" in kinds:
            raise InputError("Nothing in the sources can be read.", hint="Check the rights.")
        if "symlink" in kinds:
            raise InputError(
                "There are no files in the sources, but links, which are not followed.",
                hint="Name what the links lead to, or copy it (cp -rL).",
            )
        raise InputError("There are no files in the sources.", hint="Check the path.")

    def absolute(self, found: Found) -> str:
        """Where `found` lies."""
        root = self.roots[found.root]
        return f"{root}/{found.path}" if found.path else root


def item_key(key: bytes, root: str, found: Found) -> str:
    """The item's key in the ledger: a keyed hash of the path below `root`, size and modification time, 32 hex digits.

    The absolute `root` belongs to it: two discs can hold files that agree in everything else.
    """
    path = f"{root}/{found.path}" if found.path else root
    text = f"{path}\0{found.size}\0{found.mtime}\0{found.refused}"
    return hmac.digest(key, text.encode("utf-8", "surrogateescape"), "sha256").hex()[:32]


def _reason(problem: OSError) -> str:
    """The reason code for trouble with one file; trouble of the whole process is raised on."""
    if problem.errno in TOO_MANY:
        raise problem
    return _NOT_OURS.get(problem.errno or 0, "unreadable")


def _check_readable(root: str, number: int) -> None:
    try:
        os.lstat(root)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"Source {number} does not exist.", hint="Check the spelling.") from None
    except OSError as problem:
        raise _closed(number, "reached", problem) from None
    if not os.path.isdir(root) and not os.path.isfile(root):
        raise InputError(f"Source {number} is neither a file nor a folder.")
    try:
        if os.path.isdir(root):
            with os.scandir(root) as entries:
                next(entries, None)
        else:
            os.close(open_file(root))
    except Unusable as problem:
        raise InputError(f"Source {number} can't be read ({problem.reason}).") from None
    except OSError as problem:
        raise _closed(number, "read", problem) from None


def _closed(number: int, done: str, problem: OSError) -> InputError:
    return InputError(
        f"Source {number} can't be {done}: {os.strerror(problem.errno or 0)}.",
        hint="Give this account the right to read it, or run as one that has it.",
    )


def _listed(root: str, number: int, shard: Shard) -> Iterator[Found]:
    """Everything below a URL; the mark of an object's content stands for the time of a file."""
    for entry in storage.walk(root):
        if falls_to(f"{root}/{entry.name}" if entry.name else root, shard):
            yield Found(number, entry.name, entry.size, entry.mark)


def _walk(root: str, number: int, shard: Shard) -> Iterator[Found]:
    """Everything below a folder, depth first, each folder in the order of names; only one path of it is held."""
    stack = [_listing(root, "", number)]
    while stack:
        try:
            name, is_folder, found = next(stack[-1])
        except StopIteration:
            stack.pop()
            continue
        if is_folder:
            stack.append(_listing(f"{root}/{name}", f"{name}/", number))
        elif falls_to(f"{root}/{found.path if found else name}", shard):
            yield found or _look(f"{root}/{name}", name, number)


def _listing(folder: str, prefix: str, number: int) -> Iterator[tuple[str, bool, Found | None]]:
    """Names in a folder, sorted; a folder that can't be read is one thing that was found and refused."""
    try:
        with os.scandir(folder) as entries:
            names = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    except OSError as problem:
        reason = _reason(problem)
        yield "", False, Found(number, prefix.rstrip("/"), 0, 0, reason)
        return
    for name, is_folder in names:
        yield prefix + name, is_folder, None


def _look(path: str, name: str, number: int) -> Found:
    """Size and time of one file, or why it is left alone."""
    try:
        seen = os.lstat(path)
    except OSError as problem:
        return Found(number, name, 0, 0, _reason(problem))
    if stat.S_ISREG(seen.st_mode):
        return Found(number, name, seen.st_size, seen.st_mtime_ns)
    return Found(number, name, 0, 0, "symlink" if stat.S_ISLNK(seen.st_mode) else "special-file")


def open_file(path: str) -> int:
    """A descriptor to read a regular file from; never follows a link and never waits for a pipe.

    Raises
    ------
    Unusable
        With the reason code.
    """
    try:
        descriptor = os.open(path, _OPEN)
    except OSError as problem:
        raise Unusable(_reason(problem)) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unusable("changed")
    return descriptor


def read_file(descriptor: int, found: Found) -> bytes:
    """The whole content of a file of at most :data:`WHOLE` bytes.

    Raises
    ------
    Unusable
        ``changed`` where size or time are not what they were when it was found, ``unreadable`` on a bad disk.
    """
    try:
        data = os.read(descriptor, found.size + 1)
        while len(data) < found.size and (more := os.read(descriptor, found.size + 1 - len(data))):
            data += more
    except OSError:
        raise Unusable("unreadable") from None
    if len(data) != found.size or not unchanged(descriptor, found):
        raise Unusable("changed")
    return data


def unchanged(file: int | str, found: Found) -> bool:
    """Whether a file (by descriptor or name) still has the size and time with which it was found."""
    try:
        now = os.stat(file)
    except OSError:
        return False
    return now.st_size == found.size and now.st_mtime_ns == found.mtime
