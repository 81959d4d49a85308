"""A release in an object store: files are made on this machine and put there, whole, when they are decided about.

A store knows no rename: a file appears under its final name once all of it is there, and its draft on this machine goes
only then. So a crash leaves each file in one of the two places or in both, and the next run puts what is left. Knows
URLs; refuses to know what is in the files and why they go.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from medcli import storage
from medcli.errors import UsageError
from medcli.files import private_folder
from medcli.privacy.catalogue import Catalogue
from medcli.privacy.places import CATALOGUE, Places
from medcli.privacy.release import SHARDS, Staging, writing
from medcli.storage import Url

__all__ = ["RemoteStaging", "check_new"]

_AT_ONCE = 16


class RemoteStaging(Staging):
    """Where files wait to be put into a store.

    Parameters
    ----------
    places
        Of the run; its `remote` is the release.
    """

    def __init__(self, places: Places) -> None:
        assert places.remote is not None
        self.output, self._url = places.output, places.remote
        self.folder = places.confidential / "staged"
        self.drafts = self.folder / "drafts"

    def prepare(self) -> None:
        """Make the folder on this machine.

        Raises
        ------
        SetupError
            Where it can't be made.
        """
        with writing("The confidential folder"):
            private_folder(self.folder)
            shutil.rmtree(self.drafts, ignore_errors=True)
            for name in ("drafts", *SHARDS):
                (self.folder / name).mkdir(mode=0o700, exist_ok=True)

    def filled(self) -> bool:
        """Whether anything stands at the URL."""
        return storage.any_below(self._url)

    def has(self, place: str) -> bool:
        """Whether a file stands in the release."""
        return storage.exists(self._url / place)

    def withdraw(self, place: str) -> None:
        """Remove a file from the release."""
        storage.remove(self._url / place)

    def write(self, place: str, content: bytes) -> None:
        """Put a file there that is made of others."""
        storage.put_bytes(content, self._url / place)

    @contextmanager
    def readable(self, folder: str, names: Iterable[str]) -> Iterator[Path]:
        """Files below a folder of the release, on this machine for the length of a block."""
        with TemporaryDirectory(prefix="fileset-", dir=self.drafts) as here:
            for name in names:
                target = Path(here) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with storage.borrowed(self._url / folder / name, str(self.drafts)) as path:
                    os.link(path, target)
            yield Path(here)

    def deliver(self, manifest: Path) -> None:
        """Put the manifest beside the release."""
        storage.put(str(manifest), self._url.beside("-manifest.json"))

    def _move_all(self, moves: list[tuple[str, str]]) -> None:
        def move(one: tuple[str, str]) -> None:
            storage.put(one[0], self._url / one[1])
            os.unlink(one[0])

        with ThreadPoolExecutor(_AT_ONCE) as threads:
            for _ in threads.map(move, moves):
                pass

    def _moved(self, catalogue: Catalogue, keys: Iterable[str]) -> None:
        """What a store has taken is there: so nobody need ask it for each file."""
        catalogue.publish(keys)

    def _settled(self) -> None:
        pass


def check_new(places: Places) -> None:
    """Refuse to begin a release where other things are.

    Raises
    ------
    UsageError
        Where there is something that the confidential folder knows nothing of.
    """
    url = places.remote
    if url is None or (places.confidential / CATALOGUE).exists():
        return
    if storage.any_below(url) or storage.exists(Url(url).beside("-manifest.json")):
        raise UsageError(
            "--output is not empty and is no release that this confidential folder knows.",
            hint="Give another place, or the release's own --confidential.",
        )
