"""One driver a state folder: a lock that the kernel lets go of however its holder ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from medcli.errors import SetupError

_BUSY = "Another run is using this state folder."
_HINT = "Wait for it, or choose another state folder."


@contextlib.contextmanager
def hold(folder: Path, message: str = _BUSY, hint: str = _HINT) -> Iterator[None]:
    """Hold the folder's lock for the block.

    Parameters
    ----------
    folder : Path
        An existing folder; the lock is a file in it.
    message, hint : str
        What to tell where it is held already.

    Raises
    ------
    SetupError
        If another run holds it.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(descriptor, message, hint)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def hold_itself(folder: Path, message: str, hint: str) -> Iterator[None]:
    """Hold a folder that nothing may be added to, as far as its file system can lock folders.

    Raises
    ------
    SetupError
        If another run holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            _take(descriptor, message, hint)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, message: str, hint: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SetupError(message, hint=hint) from None
