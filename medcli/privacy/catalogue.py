"""What is known of every file of a release, now and from earlier runs, and which of them may be released together.

A line a file: pseudonyms, keyed hashes, the decision; in one SQLite file with what links them to the input
(:mod:`medcli.privacy.confidences`), which is why it lies in the confidential folder. Decisions are made in SQL over all lines, so that memory stays flat; they are committed before a file is published.
Refuses to know DICOM and where files lie.
"""

# ruff: noqa: S608 - what is put into statements are this module's own words

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from medcli.privacy.confidences import Confidences, Transaction
from medcli.privacy.statements import (
    DECIDE,
    DICOMDIR,
    DUPLICATE,
    LATE,
    LOST,
    RECORD,
    RELEASED,
    STAGED,
    WITHHELD,
)

__all__ = ["Catalogue", "Line"]

_PAGE = 1000


class Line(NamedTuple):
    """One file as its worker left it; see the columns of ``objects``."""

    key: str
    item: str
    run: int
    seq: int
    place: int
    status: str
    reason: str
    instance: str
    content: str
    study: str
    owner: str
    patient: str
    series: str
    mirror: str
    sha256: str
    size: int
    route: str
    own: str


class Catalogue(Confidences):
    """The open catalogue of one release.

    Parameters
    ----------
    path
        The SQLite file, made (0600) where missing; None for one in memory, for a plan.
    """

    def do_again(self, *, conflicts: bool) -> None:
        """Have files of the last run done again that a worker did well and that were withheld here all the same.

        Parameters
        ----------
        conflicts
            Also those that contradicted others, and not only those that got lost.
        """
        chosen = (
            f"decided AND status = '{WITHHELD}' AND run = (SELECT max(run) FROM objects)"
            f" AND (reason = '{LOST}' OR :conflicts)"
        )
        with Transaction(self._db):
            self._db.execute(
                f"INSERT INTO again SELECT DISTINCT substr(item, 1, 32), 1 FROM objects WHERE {chosen}"
                " ON CONFLICT DO UPDATE SET times = times + 1",
                {"conflicts": conflicts},
            )
            self._db.execute(f"UPDATE objects SET decided = 0 WHERE {chosen}", {"conflicts": conflicts})

    def times_again(self) -> Mapping[str, int]:
        """Item key, as it was at first, to how often it has been asked for again."""
        return dict(self._db.execute("SELECT item, times FROM again"))

    def placed(self, images: Iterable[str]) -> list[str]:
        """Paths in the release of images."""
        query = f"SELECT path FROM objects WHERE instance = ? AND status = '{RELEASED}'"
        return [path for image in images for (path,) in self._db.execute(query, (image,))]

    def unmet(self, images: Iterable[str]) -> int:
        """How many of these images no file of this release has ever been."""
        query = "SELECT 1 FROM objects WHERE instance = ? LIMIT 1"
        return sum(self._db.execute(query, (image,)).fetchone() is None for image in images)

    def do_over(self, images: Iterable[str]) -> None:
        """Forget what became of images, and have their files done again."""
        again = (
            "INSERT INTO again SELECT DISTINCT substr(item, 1, 32), 1 FROM objects WHERE instance = ?"
            " ON CONFLICT DO UPDATE SET times = times + 1"
        )
        with Transaction(self._db):
            for image in images:
                self._db.execute(again, (image,))
                self._db.execute("DELETE FROM objects WHERE instance = ?", (image,))

    def record(self, lines: Iterable[Line]) -> None:
        """Take in the present input's lines and decide what becomes of those that are staged, all or nothing.

        Raises
        ------
        SetupError
            Where the confidential folder's disk is full.
        """
        with Transaction(self._db):
            self._db.executemany(RECORD, lines)

    def decide(self, run: int) -> None:
        """Decide on staged files: conflicting and ambiguous ones are withheld, copies of released ones left out.

        What stays staged afterwards is to be released; see :meth:`undecided`.
        """
        with Transaction(self._db):
            for statement in DECIDE:
                self._db.execute(statement, {"run": run})

    def undecided(self, run: int) -> Iterator[tuple[str, str, str, str, str, str, str]]:
        """(key, patient, study, series, instance, mirror, own place or empty) of what is to be released, in input order.

        Read page by page: lines may be given their place in between.
        """
        query = (
            "SELECT seq, place, key, patient, study, series, instance, mirror, own FROM objects"
            " WHERE status = ? AND run = ? AND (seq, place) > (?, ?) ORDER BY seq, place LIMIT ?"
        )
        page = self._db.execute(query, (STAGED, run, -1, -1, _PAGE)).fetchall()
        while page:
            for line in page:
                yield line[2:]
            page = self._db.execute(query, (STAGED, run, *page[-1][:2], _PAGE)).fetchall()

    def place(self, places: Iterator[tuple[str, str]]) -> None:
        """Give (path, key) their places in the release; one whose place is taken stays undecided."""
        release = f"UPDATE OR IGNORE objects SET status = '{RELEASED}', decided = 1, path = ? WHERE key = ?"
        with Transaction(self._db):
            while page := list(itertools.islice(places, _PAGE)):
                self._db.executemany(release, page)

    def outcomes(self, run: int) -> Iterator[tuple[str, str, str, str]]:
        """(key, status, reason, path in the release or empty) of a run's lines, in input order."""
        yield from self._db.execute(
            "SELECT key, status, reason, ifnull(path, '') FROM objects WHERE run = ? ORDER BY seq, place",
            (run,),
        )

    def places(self, first: str, last: str) -> dict[str, str]:
        """Key -> path in the release of all that is released and whose key lies in a range, ends included."""
        query = f"SELECT key, path FROM objects WHERE key BETWEEN ? AND ? AND status = '{RELEASED}'"
        return dict(self._db.execute(query, (first, last)))

    def unpublished(self) -> Iterator[tuple[str, str]]:
        """(key, path) of what is released and has not yet been seen in the release."""
        yield from self._db.execute(
            f"SELECT key, path FROM objects WHERE status = '{RELEASED}' AND NOT published ORDER BY path"
        )

    def settle(self, lost: Iterable[str]) -> None:
        """Call all that is released published, but for `lost` keys: neither staged nor in the release any more."""
        with Transaction(self._db):
            self._db.executemany(
                f"UPDATE objects SET status = '{WITHHELD}', reason = '{LOST}', path = NULL WHERE key = ?",
                ((key,) for key in lost),
            )
            self._db.execute(
                f"UPDATE objects SET published = 1 WHERE status = '{RELEASED}' AND NOT published"
            )

    def publish(self, keys: Iterable[str]) -> None:
        """Call files published that are known to be in the release."""
        with Transaction(self._db):
            self._db.executemany("UPDATE objects SET published = 1 WHERE key = ?", ((key,) for key in keys))

    def unsettle(self) -> None:
        """Forget what was seen in the release, so that all of it is looked for again."""
        with Transaction(self._db):
            self._db.execute("UPDATE objects SET published = 0")

    def holds_texts(self) -> bool:
        """Whether a text is released."""
        query = f"SELECT 1 FROM objects WHERE status = '{RELEASED}' AND route = 'text' LIMIT 1"
        return self._db.execute(query).fetchone() is not None

    def released(self) -> Iterator[tuple[str, str, int, str, bool, bool]]:
        """(path, SHA-256, bytes, ``text`` or ``picture`` or empty, whether it names no patient, whether its series is in two studies) by path."""
        shared = f"SELECT series FROM objects WHERE status = '{RELEASED}' GROUP BY series HAVING min(study) <> max(study)"
        for *line, kind, unnamed, split in self._db.execute(
            f"SELECT path, sha256, size, iif(own <> '', route, ''), own = '' AND owner = '', series IN ({shared}) FROM objects"
            f" WHERE status = '{RELEASED}' ORDER BY path"
        ):
            yield *line, kind, bool(unnamed), bool(split)

    def released_below(self, folder: str) -> Iterator[tuple[str, str, str, str, str, str]]:
        """(path, SHA-256, patient, study, series, instance) of what is released below a folder, by path."""
        yield from self._db.execute(
            "SELECT path, sha256, patient, study, series, instance FROM objects"
            f" WHERE status = '{RELEASED}' AND path > ? AND path < ? ORDER BY path",
            (folder + "/", folder + "0"),
        )

    def released_from(self) -> Iterator[tuple[str, str]]:
        """(mirrored path, path in the release) of all that is released."""
        yield from self._db.execute(f"SELECT mirror, path FROM objects WHERE status = '{RELEASED}'")

    def mark_late(self, folders: Iterable[str]) -> None:
        """Give DICOMDIRs in these mirrored folders the reason that they came late."""
        query = (
            f"UPDATE objects SET reason = '{LATE}' WHERE status = '{DICOMDIR}' AND mirror > ? || '/'"
            " AND mirror < ? || '0' AND length(mirror) = length(?) + 13"
        )
        with Transaction(self._db):
            self._db.executemany(query, ((folder, folder, folder) for folder in folders))

    def dicomdir_folders(self, run: int) -> Iterator[str]:
        """Mirrored paths of the folders of the present input that hold a DICOMDIR."""
        for (mirror,) in self._db.execute(
            f"SELECT mirror FROM objects WHERE status = '{DICOMDIR}' AND run = ? ORDER BY seq, place", (run,)
        ):
            yield mirror.rpartition("/")[0]

    def filesets(self) -> dict[str, tuple[str, str]]:
        """File-sets: mirrored folder to (folder in the release, digest of what its DICOMDIR lists)."""
        return {
            folder: (path, digest)
            for folder, path, digest in self._db.execute(
                "SELECT folder, path, digest FROM filesets ORDER BY folder"
            )
        }

    def note_fileset(self, folder: str, path: str, digest: str = "", sha256: str = "", size: int = 0) -> None:
        """Note a file-set, and the DICOMDIR that was written for it if there is one."""
        self._db.execute(
            "INSERT OR REPLACE INTO filesets VALUES (?, ?, ?, ?, ?)", (folder, path, digest, sha256, size)
        )

    def directories(self) -> Iterator[tuple[str, str, int]]:
        """(path, SHA-256, bytes) of the DICOMDIRs of the release."""
        for path, sha256, size in self._db.execute(
            "SELECT path, sha256, size FROM filesets WHERE sha256 <> ''"
        ):
            yield f"{path}/DICOMDIR", sha256, size

    def counts(self, run: int, column: str) -> dict[str, int]:
        """Lines of the present input by status or route, most frequent first."""
        assert column in ("status", "route")
        query = (
            f"SELECT {column}, count(*) FROM objects WHERE run = ? AND {column} <> '' AND ({column} = status OR sha256 <> '')"
            f" GROUP BY {column} ORDER BY count(*) DESC, {column}"
        )
        return dict(self._db.execute(query, (run,)))

    def reasons(self, run: int, status: str) -> dict[str, int]:
        """Files of the present input that have a status, by reason, most frequent first."""
        query = (
            "SELECT reason, count(*) FROM objects WHERE run = ? AND status = ?"
            " GROUP BY reason ORDER BY count(*) DESC, reason"
        )
        return dict(self._db.execute(query, (run, status)))

    def some_released(self, most: int) -> list[str]:
        """Paths of the files that were the first to be released."""
        query = f"SELECT path FROM objects WHERE status = '{RELEASED}' ORDER BY key LIMIT ?"
        return [path for (path,) in self._db.execute(query, (most,))]

    def anything_published(self) -> bool:
        """Whether a file is known to have been in the release."""
        query = f"SELECT 1 FROM objects WHERE status = '{RELEASED}' AND published LIMIT 1"
        return self._db.execute(query).fetchone() is not None

    def account(self, run: int) -> Iterator[tuple[str, ...]]:
        """(item, source path, member, path in the release, status, reason) of each file.

        The present input comes first, then what was released from files that are not in it any more. A duplicate
        names the released file that it is a copy of, a DICOMDIR the one that was written in its place.
        """
        twin = f"(SELECT path FROM objects t WHERE t.instance = o.instance AND t.status = '{RELEASED}')"
        # Each component of a mirrored path has twelve characters.
        rebuilt = (
            "(SELECT f.path || '/DICOMDIR' FROM filesets f WHERE f.sha256 <> ''"
            " AND f.folder = substr(o.mirror, 1, length(o.mirror) - 13))"
        )
        output = (
            f"CASE o.status WHEN '{DUPLICATE}' THEN {twin} WHEN '{DICOMDIR}' THEN {rebuilt} ELSE o.path END"
        )
        columns = f"o.item, ifnull(s.path, ''), ifnull(m.name, ''), ifnull({output}, ''), o.status, o.reason"
        tables = "objects o LEFT JOIN sources s ON s.key = o.item LEFT JOIN members m ON m.key = o.key"
        parts = (
            "o.run = ? ORDER BY o.seq, o.place",
            f"o.run <> ? AND o.status = '{RELEASED}' ORDER BY o.path",
        )
        for part in parts:
            for line in self._db.execute(f"SELECT {columns} FROM {tables} WHERE {part}", (run,)):
                yield tuple(
                    cell.decode("utf-8", "surrogateescape") if type(cell) is bytes else cell for cell in line
                )
