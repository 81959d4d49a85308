"""Files, whole or not at all: atomic writes, JSON lines, content hashes, safe relative paths, private folders.

Knows the file system; refuses to know what is in the files. Nothing here quotes a file's name in an error, because
names of medical files often are the patient's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from medcli.errors import InputError

# Where SQLite's write-ahead log cannot share memory, or where locks are somebody else's. Any FUSE file system counts:
# most are a network in disguise, and the cautious way works everywhere.
_NETWORK = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "gfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "pvfs2",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
    }
)


@contextlib.contextmanager
def atomic(
    path: Path, *, mode: int = 0o644, sync: bool = True, drafts: Path | None = None
) -> Iterator[IO[bytes]]:
    """Open a temporary file that takes the place of ``path`` when the block ends without an error.

    Parameters
    ----------
    path : Path
        In a folder that exists.
    mode : int
        Permission bits, less the process's umask.
    sync : bool
        Whether to force the bytes and the new name to the disk.
    drafts : Path, optional
        Folder for the temporary file, on the same file system; that of ``path`` if none. A process that is killed
        leaves it there.
    """
    temporary = (drafts or path.parent) / f".{secrets.token_hex(8)}.part"
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
            yield stream
            stream.flush()
            if sync:
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(path.parent)


def write(path: Path, content: bytes | str, *, mode: int = 0o644, drafts: Path | None = None) -> None:
    """Write a whole file atomically and durably; text as UTF-8; parameters as of :func:`atomic`."""
    with atomic(path, mode=mode, drafts=drafts) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)


def share(source: Path, target: Path) -> None:
    """Give a file a second place: another name of it where the disk allows that, else a copy; whole or not at all.

    What stands at `target` is replaced. Nothing is forced to the disk. The folder of `target` is made where missing.

    Raises
    ------
    OSError
        If `source` is not there, or `target` can't be written.
    """
    try:
        os.link(source, target)  # which is whole by itself
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError:  # something stands there; another disk, or one without links
        pass
    else:
        return
    draft = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        try:
            os.link(source, draft)
        except OSError:
            shutil.copyfile(source, draft)
        os.replace(draft, target)
    finally:
        draft.unlink(
            missing_ok=True
        )  # also where both were names of one file already, which rename leaves alone


def sweep(drafts: Path) -> None:
    """Remove what killed processes left of :func:`atomic` in a folder that nobody else is using."""
    for path in drafts.glob(".*.part"):
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_filesystem(folder: Path) -> None:
    """Force all that is written on the folder's file system to the disk: one call for many files.

    Raises
    ------
    OSError
        If the disk reports an error, so that nothing is called durable that is not.
    """
    import ctypes

    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(descriptor)


def write_jsonl(path: Path, records: Iterable[object], *, mode: int = 0o644) -> int:
    """Write one JSON value a line, atomically; return how many."""
    count = 0
    with atomic(path, mode=mode) as stream:
        for record in records:
            line = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
            stream.write(
                line.encode(errors="backslashreplace") + b"\n"
            )  # a lone surrogate, as JSON escapes it
            count += 1
    return count


def read_jsonl(path: Path) -> Iterator[Any]:
    """Yield the values of a JSON-lines file; empty lines are passed over.

    Raises
    ------
    InputError
        If a line is not JSON in UTF-8; the message gives its number and never its text.
    """
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError:
                    raise InputError(f"Line {number} of a JSON-lines file is not JSON.") from None


def content_hash(source: Path | bytes) -> str:
    """SHA-256 of a file or of bytes, in hexadecimal; flat in memory."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_md5(source: Path) -> str:
    """MD5 of a file in hexadecimal, which is what servers of public data publish; it proves no authorship."""
    with source.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def safe_relative(name: str) -> PurePosixPath:
    """Check a name that came from outside (an archive member, a manifest line) and return it as a relative path.

    Raises
    ------
    InputError
        If it is absolute, climbs out, names a drive, is empty or holds a NUL.
    """
    text = name.replace("\\", "/")
    path = PurePosixPath(text)
    drive = len(text) > 1 and text[1] == ":" and text[0].isalpha()
    if not path.parts or path.is_absolute() or drive or ".." in path.parts or "\0" in text:
        raise InputError("A file name leads outside its folder.")
    return path


def private_folder(path: Path) -> Path:
    """Make a folder, with its parents, that only its owner may enter (0700); an existing one is narrowed to that."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path


def open_private(path: Path, *, append: bool = False) -> IO[bytes]:
    """Open a file for writing that only its owner may read (0600) from its first byte on."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
    stream = os.fdopen(os.open(path, flags, 0o600), "ab" if append else "wb")
    os.fchmod(stream.fileno(), 0o600)
    return stream


def is_network(path: Path) -> bool:
    """Say whether a path, or the nearest folder above it that exists, lies on a network file system.

    Where the system has no table of mounts (not Linux) the answer is False.
    """
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    real = os.path.realpath(path)
    best, kind = "", ""
    for line in lines:
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        point = _unescape(parts[1])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, parts[2]
    return kind in _NETWORK or kind.startswith("fuse")


def _unescape(point: str) -> str:
    """Undo the octal escapes of white space and backslashes in the table of mounts."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point
