"""What one process does: open what was found, look into archives, de-identify, stage, say what came of it.

Knows files and the three de-identifiers: DICOM first, then pictures, then texts. What it says in a row is value-free; names and old identifiers go to a notebook in
the confidential folder. Refuses to decide about files that it sees only one of.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from medcli import storage
from medcli.errors import ItemFailed, Postponed, Transient
from medcli.files import open_private
from medcli.jobs import Row
from medcli.jobs.model import State
from medcli.jobs.retry import describe
from medcli.privacy import archives, sources
from medcli.privacy.layout import Names
from medcli.privacy.pixels.picture_kinds import picture_kind
from medcli.privacy.policy import Policy
from medcli.privacy.release import CLOSED, FULL, staged
from medcli.privacy.streams import container

if TYPE_CHECKING:
    from medcli.privacy.decisions import Decision
    from medcli.privacy.dicom.scrubber import Scrubbed, Scrubber
    from medcli.privacy.pictures import Pictures
    from medcli.privacy.review import Review
    from medcli.privacy.texts import Texts

__all__ = ["Payload", "ScrubWorkers", "read_notes", "threefold"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
#: Row key and what was found; a plain tuple, for it travels to another process.
Payload = tuple[str, tuple[Any, ...]]

#: What the catalogue needs to know of a file, and what the report tells of it.
_HEAD = ("reason", "patient", "study", "series", "instance", "owner", "content", "sha256", "size", "route")
_FACTS = ("sop_class", "modality", "route", "attribute", "place", "notes")
_KINDS: dict[str, tuple[State, str]] = {
    "released": ("done", "released"),
    "ignored": ("skipped", "ignored"),
    "directory": ("skipped", "dicomdir"),
}


@dataclass
class ScrubWorkers:
    """Makes the worker of a process.

    Attributes
    ----------
    policy, key
        What is done.
    roots, labels
        The sources: where they lie, and their own names.
    spool
        An existing private folder for members of archives that are too large to be held.
    staging
        The staging folder; None where nothing is to be written.
    notebooks
        Folder for names of members and old identifiers; None as above.
    crosswalk
        Whether old identifiers are to be noted.
    layout
        Where released texts lie.
    wait
        Whether texts are postponed until all headers are known.
    identities
        The file that says who the patients of the batch are, once that is known.
    decisions
        What a person decided on images, by their identifier.
    review
        Where what the review page shows is noted; None for nowhere.
    """

    policy: Policy
    key: bytes = field(repr=False)
    roots: tuple[str, ...] = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)
    spool: str
    staging: str | None
    notebooks: str | None
    crosswalk: bool
    layout: str = "study"
    wait: bool = False
    identities: str | None = None
    decisions: Mapping[str, Decision] = field(default_factory=dict, repr=False)
    review: Review | None = None
    _worker: Worker | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Worker:
        from medcli.privacy.dicom.scrubber import Scrubber

        _keep_memory()
        scrubber = Scrubber(
            self.policy,
            self.key,
            identify=self.wait,
            decisions=self.decisions,
            show=self.review is not None,
        )
        texts = None
        if self.policy.text.detectors and not self.wait:
            from medcli.privacy.texts import Texts

            # What a detector lacks is to be told at once, and not of each text.
            texts = Texts(self.policy.text, scrubber.names, self.identities)
        self._worker = Worker(self, scrubber, texts)
        return self._worker

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None


def _keep_memory() -> None:
    """Ask glibc, where it is that, to keep up to 16 MiB between files: images would be paged in anew each time."""
    import ctypes

    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
            libc.mallopt(option, 16 << 20)


class Worker:
    """Does one item after another; see :class:`ScrubWorkers`."""

    def __init__(self, plan: ScrubWorkers, scrubber: Scrubber, texts: Texts | None = None) -> None:
        self._plan = plan
        self._scrubber = scrubber
        self._names = Names(plan.key)
        self._members = hmac.digest(plan.key, b"item", "sha256")
        self._notes = Notebook(plan.notebooks)
        self._texts = texts
        self._pictures: Pictures | None = None

    def close(self) -> None:
        """Close what is open from file to file."""
        self._notes.close()
        if self._texts is not None:
            self._texts.close()

    def __call__(self, payload: Payload) -> Iterable[Row]:
        """Do one file, or all members of one archive.

        Raises
        ------
        ItemFailed
            Where no other file could be staged either.
        Postponed
            Where it is a text, or an archive with texts, and texts wait.
        """
        key, found = payload[0], sources.Found(*payload[1])
        label = self._plan.labels[found.root]
        mirror = self._names.mirrored(label, found.path)
        if found.refused:
            return (refused(key, key, mirror, found.refused, ignored=found.refused in sources.NO_FILES),)
        root = self._plan.roots[found.root]
        path = f"{root}/{found.path}" if found.path else root
        if storage.is_url(root):
            return self._borrowed(key, found, path, mirror)
        return self._local(key, found, path, mirror)

    def _borrowed(self, key: str, found: sources.Found, url: str, mirror: str) -> Iterator[Row]:
        """As of a file of this machine, for as long as it is one."""
        try:
            with storage.borrowed(url, self._plan.spool) as path:
                seen = os.stat(path)
                if seen.st_size != found.size:
                    yield refused(key, key, mirror, "changed")
                    return
                here = found._replace(size=seen.st_size, mtime=seen.st_mtime_ns)
                yield from self._local(key, here, path, mirror)
        except FileNotFoundError:
            yield refused(key, key, mirror, "disappeared")
        except PermissionError:
            yield refused(key, key, mirror, "unreadable")
        except storage.Unreachable:
            raise Transient("source-unreachable", stops=True) from None

    def _local(self, key: str, found: sources.Found, path: str, mirror: str) -> Iterable[Row]:
        try:
            descriptor = sources.open_file(path)
        except sources.Unusable as problem:
            return (refused(key, key, mirror, problem.reason),)
        except OSError:
            raise ItemFailed("too-many-open-files", stops=True) from None
        try:
            return self._opened(key, found, path, descriptor, mirror)
        except sources.Unusable as problem:
            return (refused(key, key, mirror, problem.reason),)
        finally:
            os.close(descriptor)

    def _opened(
        self, key: str, found: sources.Found, path: str, descriptor: int, mirror: str
    ) -> Iterable[Row]:
        if found.size == 0:
            return (refused(key, key, mirror, "empty"),)
        whole = found.size <= sources.WHOLE
        data = sources.read_file(descriptor, found) if whole else b""
        kind = container(data[:512] if whole else os.pread(descriptor, 512, 0))
        if kind:
            return self._archive(key, found, path, kind)
        name = "/".join(filter(None, (self._plan.labels[found.root], found.path)))
        if whole:
            return (self._one(key, key, data, mirror, name),)
        row = self._one(key, key, path, mirror, name)
        if not sources.unchanged(path, found):
            self._discard(key)
            raise sources.Unusable("changed")
        return (row,)

    def _archive(self, item: str, found: sources.Found, path: str, kind: str) -> Iterator[Row]:
        """The members' rows; for the archive itself, where it holds nothing or can't be read to its end.

        They are handed over one by one, for there may be very many.
        """
        label, count, waits = self._plan.labels[found.root], 0, False
        try:
            with open(sources.open_file(path), "rb") as file:
                for member in archives.members(file, found.size, kind, self._plan.spool):
                    count += 1
                    try:
                        row = self._member(item, label, found.path, member)
                    except Postponed:
                        # Headers behind this member are to be known too.
                        waits = True
                        continue
                    self._notes.flush()
                    yield row
                if not sources.unchanged(file.fileno(), found):
                    raise ItemFailed("changed")
        except archives.Unwritable:
            raise ItemFailed("disk-full", stops=True) from None
        except sources.Unusable as problem:
            raise ItemFailed(problem.reason) from None
        if waits:
            raise Postponed
        if not count:
            yield refused(item, item, self._names.mirrored(label, found.path), "empty-archive", ignored=True)

    def _member(self, item: str, label: str, path: str, member: archives.Member) -> Row:
        if not member.number:
            mirror = self._names.mirrored(label, path)
            return refused(item, item, mirror, member.reason, ignored=member.ignored)
        name = member.name.encode("utf-8", "surrogateescape")
        base = item.partition("-")[0].encode("ascii")
        key = hmac.digest(self._members, b"%s\0%d\0%s" % (base, member.number, name), "sha256").hex()[:32]
        self._notes.add("member", key, member.name)
        inner = "/".join(part for part in member.name.replace("\\", "/").split("/") if part not in ("", "."))
        mirror = self._names.mirrored(label, f"{path}/{inner}" if path else inner)
        if member.data is None:
            return refused(key, item, mirror, member.reason, ignored=member.ignored)
        if not member.data:
            return refused(key, item, mirror, "empty")
        try:
            return self._one(key, item, member.data, mirror, "/".join(filter(None, (label, path, inner))))
        except (ItemFailed, Postponed):
            raise
        except Exception as error:  # noqa: BLE001 - one member must not cost the others
            return Row(
                key, "failed", "bug", json.dumps({"item": item, "mirror": mirror, **describe(error)}).encode()
            )

    def _one(self, key: str, item: str, source: bytes | Path | str, mirror: str, name: str) -> Row:
        """De-identify one file into the staging folder."""
        target = staged(self._plan.staging, key) if self._plan.staging else None
        try:
            result = self._scrubber.scrub(source, target)
            if result.status == "ignored":
                if self._plan.policy.pixels != "withhold" and picture_kind(source):
                    return self._picture(key, item, source, target=target, mirror=mirror)
                return self._text(key, item, source, target=target, mirror=mirror, name=name)
        except OSError as error:
            if target is None or error.errno not in FULL | CLOSED:
                raise
            raise ItemFailed(
                "disk-full" if error.errno in FULL else "output-unwritable", stops=True
            ) from None
        if self._plan.crosswalk and result.crosswalk:
            for link in result.crosswalk:
                self._notes.add(*link)
        if result.identity:
            self._notes.add("identity", *noted(result.identity))
        self._notes.flush()
        if self._plan.review is not None and result.shown is not None:
            self._plan.review.note(key, result.instance, result.shown, kind="dicom", modality=result.modality)
        return told(key, item, mirror, result)

    def _text(
        self, key: str, item: str, source: bytes | Path | str, *, target: str | None, mirror: str, name: str
    ) -> Row:
        """Clean what is no DICOM, if it is text."""
        if self._texts is None:
            from medcli.privacy.texts import Texts

            text = self._plan.policy.text
            text = replace(text, detectors=()) if self._plan.wait else text
            self._texts = Texts(text, self._scrubber.names, self._plan.identities)
        if self._plan.wait:
            result = self._texts.look(source, name)
            if result is None:
                raise Postponed
        else:
            result = self._texts.scrub(source, target, name)
        place = self._texts.place(self._plan.layout, mirror, name, result.suffix)
        return self._texts.told(key, item, mirror, result, place)

    def _picture(
        self, key: str, item: str, source: bytes | Path | str, *, target: str | None, mirror: str
    ) -> Row:
        """Clean a picture that is no DICOM."""
        if self._pictures is None:
            from medcli.privacy.pictures import Pictures

            plan = self._plan
            self._pictures = Pictures(plan.policy, self._scrubber.names, plan.decisions, plan.review)
        result = self._pictures.scrub(source, target, mirror)
        return self._pictures.told(key, item, mirror, result, self._plan.layout)

    def _discard(self, key: str) -> None:
        if self._plan.staging:
            with suppress(FileNotFoundError):
                os.unlink(staged(self._plan.staging, key))


def told(key: str, item: str, mirror: str, result: Scrubbed) -> Row:
    """The row of one file that was read: three lines of JSON, for the catalogue, the report and of actions.

    They are apart so that the driver, of which there is one, need not parse what it only passes on.
    """
    head = {name: value for name in _HEAD if (value := getattr(result, name))}
    head["item"], head["mirror"] = item, mirror
    facts = {name: value for name in _FACTS if (value := getattr(result, name))}
    outcome: tuple[State, str] = _KINDS.get(result.status, ("failed", result.reason))
    return threefold(key, outcome, head, facts, actions=result.actions, size=result.size)


def threefold(
    key: str, outcome: tuple[State, str], head: object, facts: object, *, actions: str, size: int
) -> Row:
    """A row whose value has the three lines of :func:`told`."""
    value = f"{_dump(head)}\n{_dump(facts)}\n{actions or '{}'}".encode()
    return Row(key, *outcome, value, size)


def noted(identity: Iterable[tuple[str, str]]) -> tuple[str, str, str]:
    """What a header says of its patient as a note: identifier, issuer, JSON of categories and values."""
    from medcli.privacy.text.known import category_of

    known = dict(identity)
    facts = sorted({(category, value) for name, value in identity if (category := category_of(name))})
    return known.get("PatientID", ""), known.get("IssuerOfPatientID", ""), _dump(facts)


def refused(key: str, item: str, mirror: str, reason: str, *, ignored: bool = False) -> Row:
    """The row of something that was not read."""
    value = _dump({"item": item, "mirror": mirror, "reason": reason}).encode()
    return Row(key, "skipped", "ignored", value) if ignored else Row(key, "failed", reason, value)


_dump = json.JSONEncoder(separators=(",", ":")).encode


class Notebook:
    """What one process has to note in confidence, in a file of its own that the driver takes in at the end.

    A note is flushed to the file before the row it belongs to is handed over.
    """

    _REMEMBERED = 50_000

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._stream: IO[bytes] | None = None
        self._seen: dict[tuple[str, ...], None] = {}

    def add(self, *note: str) -> None:
        """Note something, once for as long as it is remembered."""
        if self._folder is None or note in self._seen:
            return
        if len(self._seen) >= self._REMEMBERED:
            self._seen.clear()
        self._seen[note] = None
        if self._stream is None:
            self._stream = open_private(Path(self._folder) / f"{secrets.token_hex(8)}.jsonl")
        self._stream.write(json.dumps(note).encode() + b"\n")

    def flush(self) -> None:
        """Hand what was noted to the system."""
        if self._stream is not None:
            self._stream.flush()

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._stream is not None:
            self._stream.close()


def read_notes(path: str) -> Iterator[tuple[str, ...]]:
    """The notes in a file, as far as they are whole: a process that was killed may have left half a line."""
    with open(path, "rb") as stream:
        for line in stream:
            with suppress(ValueError):
                yield tuple(json.loads(line))
