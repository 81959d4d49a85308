"""One driver a state folder: a lock that the kernel lets go of however its holder ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from medcli.errors import SetupError


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold the folder's lock for the block.

    Raises
    ------
    SetupError
        If another run holds it.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(
                "Another run is using this state folder.", hint="Wait for it, or choose another state folder."
            ) from None
        yield
    finally:
        os.close(descriptor)
