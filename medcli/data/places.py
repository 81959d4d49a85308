"""Whose output folder it is: each command writes its own manifest, so one folder belongs to one of them."""

from __future__ import annotations

from pathlib import Path

from medcli import storage
from medcli.errors import ItemFailed, UsageError
from medcli.storage import Url

KEPT = ".medcli"


def check(output: Path | Url, state: Path | None) -> None:
    """Refuse a place in a store without one on this machine for the books.

    Raises
    ------
    UsageError
        If there is none.
    """
    if isinstance(output, Url) and state is None:
        raise UsageError(
            "An --output in a store needs --state on this machine.", hint="As in --state ./pmc-state"
        )


def here(output: Path | Url, state: Path | None) -> Path:
    """Where files are made: in the output, or, of one in a store, in the state folder until they are there."""
    if isinstance(output, Url):
        assert state is not None
        return state / "outgoing"
    return output


def put_away(store: str, path: Path, *, keep: bool = False) -> None:
    """Put a whole file, which lies in its folder's folder, into the store if there is one; it goes from here then.

    Raises
    ------
    ItemFailed
        ``output-unreachable``, which stops a run: no other file would fare better.
    """
    if not store:
        return
    try:
        storage.put(str(path), f"{store}/{path.parent.name}/{path.name}")
    except storage.Unreachable:
        raise ItemFailed("output-unreachable", stops=True) from None
    if not keep:
        path.unlink()


def deliver(output: Path | Url, folder: Path, *names: str) -> None:
    """Put manifests into the store, if the output is in one."""
    if isinstance(output, Url):
        for name in names:
            storage.put(str(folder / name), output / name)


def state_of(output: Path, command: str) -> Path:
    """Where plan and ledger of a command lie unless ``--state`` says otherwise."""
    return output / KEPT / command


def claim(output: Path, command: str) -> None:
    """Refuse a folder that another command fills.

    Raises
    ------
    UsageError
        If it is another's.
    """
    kept = output / KEPT
    others = [path.name for path in kept.iterdir() if path.name != command] if kept.is_dir() else []
    if others:
        raise UsageError(
            f"--output belongs to medcli download {others[0]}, whose manifest would be lost.",
            hint="Choose another.",
        )
