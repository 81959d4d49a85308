"""The one secret: 32 bytes in a file that only its owner may read.

Knows the file's form. Refuses to print the key, to use a file that others can read, and to replace one that exists.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from medcli.errors import SetupError

__all__ = ["SIZE", "check_of", "is_there", "make", "read"]

SIZE = 32
_TITLE = "medcli key 1"
_DRAFT = re.compile(r"[0-9a-f]{16}\.part")


def is_there(path: Path) -> bool:
    """Whether there is something where the key belongs.

    Raises
    ------
    SetupError
        Where that can't be told.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise SetupError(f"The key file can't be reached: {os.strerror(error.errno or 0)}.") from None
    return True


def make(path: Path) -> bytes:
    """Draw a key and write it where there is none yet; where there is one, read it.

    Raises
    ------
    SetupError
        Where it can't be written or read.
    """
    if is_there(path):
        _sweep(path)
        return read(path)
    text = f"{_TITLE}\n{secrets.token_hex(SIZE)}\n"
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, text.encode("ascii"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        # Another run may be quicker, and sweep up after itself: both use its key.
        with suppress(FileExistsError, FileNotFoundError):
            os.link(draft, path)
    except OSError as error:
        raise SetupError(f"The key file can't be written: {os.strerror(error.errno or 0)}.") from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return read(path)


def _sweep(path: Path) -> None:
    """Remove the copies that processes left beside a key when they were killed while making it."""
    prefix = f".{path.name}."
    with suppress(OSError):
        for name in os.listdir(path.parent):
            if name.startswith(prefix) and _DRAFT.fullmatch(name[len(prefix) :]):
                os.unlink(path.with_name(name))


def read(path: Path) -> bytes:
    """The key in a file.

    Raises
    ------
    SetupError
        Where there is none, it is damaged, or others than its owner can read it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            lines = file.read(4096).decode("ascii", "replace").split()
    except FileNotFoundError:
        raise SetupError("The key file does not exist.", hint="Check the path.") from None
    except OSError as error:
        raise SetupError(f"The key file can't be read: {os.strerror(error.errno or 0)}.") from None
    if stat.S_IMODE(mode) & 0o077:
        raise SetupError(
            "Others than its owner can read the key file.",
            hint=f"Whoever has the key can undo the release. chmod 600 '{path}', and ask who may have read it.",
        )
    if len(lines) != 4 or " ".join(lines[:3]) != _TITLE:
        raise SetupError(
            "The key file is no key of medcli, or is damaged.", hint="Restore it from your backup."
        )
    try:
        key = bytes.fromhex(lines[3])
    except ValueError:
        key = b""
    if len(key) != SIZE:
        raise SetupError("The key file is damaged.", hint="Restore it from your backup.")
    return key


def check_of(key: bytes) -> str:
    """A short value that tells two keys apart and says nothing about them."""
    return hmac.digest(key, b"check", "sha256").hex()[:16]
