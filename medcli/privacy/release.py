"""From files that workers staged to files that are released: whole, in one rename each, or not at all.

The staging folder lies beside the release, on the same file system and closed to others (0700). A file moves from
there when everything about it is decided and written down, so that a crash at any moment leaves it in one of the two
places, and the next run moves what is left. Knows folders; refuses to know what is in the files and why they go.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from medcli.errors import SetupError, UsageError
from medcli.files import private_folder, sync_filesystem, write
from medcli.privacy.catalogue import Catalogue
from medcli.privacy.layout import FileSets, Names, study_path

__all__ = ["Staging", "assign", "rebuild_dicomdirs", "writing"]

#: Errors that no other file will be spared: the run has to stop.
FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
CLOSED = frozenset(
    (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EIO, errno.ESTALE)
)


#: Folders of the staging folder: each row's file lies in that of its key's first digit.
SHARDS = "0123456789abcdef"


def staged(folder: str, key: str) -> str:
    """Where in a staging folder the file of a row lies."""
    return f"{folder}/{key[0]}/{key}"


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn trouble with writing into a sentence.

    Raises
    ------
    SetupError
        Which names `what` and no file.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in FULL
        raise SetupError(
            f"{what} can't be written: {os.strerror(error.errno or 0)}.",
            hint="Make room; the same command goes on from here."
            if full
            else "Check the folder and its rights.",
        ) from None


class Staging:
    """The folder in which released files wait for their place.

    Parameters
    ----------
    output
        The release.
    key
        The key of all pseudonyms: it makes the folder's name, so that the next run finds it.
    """

    def __init__(self, output: Path, key: bytes) -> None:
        self.output = Path(os.path.abspath(output))
        mark = hmac.digest(key, b"staging\0" + os.fsencode(self.output.name), "sha256").hex()[:8]
        self.folder = self.output.with_name(f".{self.output.name}.staging-{mark}")
        self.drafts = self.folder / "drafts"

    def prepare(self) -> None:
        """Make the release's folder and the staging folder.

        Raises
        ------
        SetupError
            Where one can't be made or written to.
        UsageError
            Where the release is a file system of its own, so that nothing beside it can be renamed into it.
        """
        with writing("--output"):
            self.output.mkdir(parents=True, exist_ok=True)
            if self.output.stat().st_dev != self.output.parent.stat().st_dev:
                raise UsageError(
                    "--output is where another disk is mounted.",
                    hint="Give a folder inside it, as in --output DIR/release",
                )
            private_folder(self.folder)
            shutil.rmtree(self.drafts, ignore_errors=True)
            self.drafts.mkdir(mode=0o700)
            for shard in SHARDS:
                with suppress(FileExistsError):
                    os.mkdir(f"{self.folder}/{shard}", 0o700)
            if not os.access(self.output, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "")

    def flush(self) -> None:
        """Make everything staged and released durable."""
        with writing("--output"):
            sync_filesystem(self.folder)

    def publish(self, catalogue: Catalogue) -> None:
        """Move what is released into the release, remove what is not.

        A file of the release that a new run has made again takes its predecessor's place.
        """
        with writing("--output"):
            for keys in self._staged():
                places = catalogue.places(keys[0], keys[-1])
                paths = {key: staged(str(self.folder), key) for key in keys}
                self._move_all([(path, places[key]) for key, path in paths.items() if key in places])
                self._moved(catalogue, places.keys() & paths.keys())
                for key in paths.keys() - places.keys():
                    os.unlink(paths[key])
            lost = [key for key, path in catalogue.unpublished() if not self.has(path)]
            self._settled()
        catalogue.settle(lost)

    def filled(self) -> bool:
        """Whether any file stands in the release."""
        return any(names for _, _, names in os.walk(self.output))

    def has(self, place: str) -> bool:
        """Whether a file stands in the release."""
        return os.path.exists(f"{self.output}/{place}")

    def withdraw(self, place: str) -> None:
        """Remove a file from the release, if it is there."""
        (self.output / place).unlink(missing_ok=True)

    def write(self, place: str, content: bytes) -> None:
        """Write a file of the release that is made of others."""
        write(self.output / place, content, drafts=self.drafts)

    @contextmanager
    def readable(self, folder: str, names: Iterable[str]) -> Iterator[Path]:  # noqa: ARG002 - all of them are
        """Files below a folder of the release, under it, for the length of a block."""
        yield self.output / folder

    def deliver(self, manifest: Path) -> None:
        """Bring the manifest to where it belongs: it is there."""

    def _staged(self) -> Iterator[list[str]]:
        """Keys of staged files, sorted, at most a thousand at a time."""
        for shard in SHARDS:
            with os.scandir(f"{self.folder}/{shard}") as entries:
                keys = sorted(entry.name for entry in entries)
            for at in range(0, len(keys), 1000):
                yield keys[at : at + 1000]

    def _move_all(self, moves: list[tuple[str, str]]) -> None:
        for path, place in moves:
            self._move(path, f"{self.output}/{place}")

    def _moved(self, catalogue: Catalogue, keys: Iterable[str]) -> None:
        """Whether they are there for good is known when all are."""

    def _settled(self) -> None:
        """Make durable what was moved."""
        sync_filesystem(self.output)

    @staticmethod
    def _move(path: str, place: str) -> None:
        try:
            os.rename(path, place)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            os.rename(path, place)

    def leave(self) -> None:
        """Remove the staging folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def assign(catalogue: Catalogue, names: Names, layout: str, run: int) -> None:
    """Give every file that is to be released its place."""
    known = catalogue.filesets()
    new = set(catalogue.dicomdir_folders(run)) - known.keys()
    sets = FileSets(names, layout, frozenset(known.keys() | new))
    for folder in new:
        catalogue.note_fileset(folder, sets.released(folder))

    def places(*, again: int) -> Iterator[tuple[str, str]]:
        for key, patient, study, series, instance, mirror, own in catalogue.undecided(run):
            if own:
                yield _own_place(own, names.derived(instance) if again else ""), key
                continue
            folder = sets.folder_of(mirror)
            if folder:
                yield sets.path(folder, (patient, study, series, instance), again=again), key
            elif layout == "mirror":
                yield f"{mirror}{'-' + names.derived(instance) if again else ''}.dcm", key
            else:
                path = study_path(names, patient, study, series, instance)
                yield f"{path[:-4]}{'-' + names.derived(key) if again else ''}.dcm", key

    catalogue.place(places(again=0))
    catalogue.place(places(again=1))
    _note_late(catalogue, sets, new)


def _own_place(place: str, mark: str) -> str:
    """The place of what is no DICOM; with a mark before its ending where that place is taken."""
    if not mark:
        return place
    stem, dot, ending = place.rpartition(".")
    return f"{stem}-{mark}{dot}{ending}" if dot and "/" not in ending else f"{place}-{mark}"


def _note_late(catalogue: Catalogue, sets: FileSets, new: set[str]) -> None:
    """Say of DICOMDIRs that came when files of theirs were released already: those stay where they are."""
    late: list[str] = json.loads(catalogue.fact("late") or "[]")
    if new and catalogue.anything_published():
        places = ((sets.folder_of(mirror), path) for mirror, path in catalogue.released_from())
        late += {folder for folder, path in places if folder in new and not sets.holds(folder, path)}
        catalogue.note("late", json.dumps(late))
    catalogue.mark_late(late)


def rebuild_dicomdirs(staging: Staging, catalogue: Catalogue, key: bytes) -> None:
    """Write the DICOMDIR of every file-set whose released files are not those that it lists."""
    from medcli.privacy import dicomdir
    from medcli.privacy.dicom.pseudonyms import Pseudonyms

    for folder, (path, known) in catalogue.filesets().items():
        digest, members = hashlib.sha256(), []
        for file, sha256, *identity in catalogue.released_below(path):
            if not FileSets.is_file_id(file[len(path) + 1 :]):
                continue
            digest.update(f"{file}\n{sha256}\n".encode())
            members.append(dicomdir.Member(file[len(path) + 1 :], *identity))
        place = f"{path}/DICOMDIR"
        if not members or (digest.hexdigest() == known and staging.has(place)):
            continue
        with staging.readable(path, (member.file_id for member in members)) as root:
            content = dicomdir.build(root, members, Pseudonyms(key).uid(f"file-set {folder}"))
        with writing("--output"):
            staging.write(place, content)
        catalogue.note_fileset(
            folder, path, digest.hexdigest(), hashlib.sha256(content).hexdigest(), len(content)
        )
