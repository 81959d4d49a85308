"""`medcli download dataset`: from names to files, split files of questions, and a manifest.

Knows the order of things: gate and licence, plan, room on the disk, engine, preparation, what the person is told. Each
dataset has a folder, a plan and a ledger of its own below ``--output``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medcli import __version__, console, files, jobs
from medcli.data import licenses
from medcli.data.datasets import sources
from medcli.data.datasets.prepare import Wish, Work, prepare, splits_of
from medcli.data.datasets.registry import Dataset, datasets
from medcli.data.datasets.sources import ORIGINAL, Plan, Source
from medcli.data.datasets.spec import DatasetSpec
from medcli.data.datasets.worker import NO_ORIGINAL, Files
from medcli.data.options import amount
from medcli.data.places import claim
from medcli.data.result import Result
from medcli.data.transfer.fetch import GONE
from medcli.errors import SetupError, UsageError
from medcli.jobs.retry import Retry

Bar = Callable[[str, int, Callable[[], int]], jobs.Progress]
MANIFEST = "manifest.jsonl"
BLOCKED = "license-blocked"
_AT_ONCE = 8  # files; each is large, and the host's pace sets the rest
_ENOUGH = 3  # there are few files: a server that refuses some of them in a row refuses them all
_PREPARED = "prepared.json"


@dataclass(slots=True)
class DatasetJob:
    """What the engine drives: the files of one dataset."""

    spec: DatasetSpec
    dataset: Dataset
    plan: Plan
    told: Callable[[Sequence[jobs.Row]], None] | None = None
    manifest: list[dict[str, Any]] = field(default_factory=list)
    name: str = field(default="download dataset", init=False)
    files: Files = field(init=False)

    def __post_init__(self) -> None:
        self.files = Files(self.spec.folder(self.dataset.name).absolute() / "source", self.spec.transfer)

    def fingerprint(self) -> Mapping[str, object]:
        """What shapes the files; the splits that are wanted may change."""
        return {"dataset": self.dataset.name, "revision": self.plan.revision}

    def items(self) -> Iterator[jobs.Item]:
        """A file each."""
        for source in self.plan.sources:
            yield jobs.Item(source.path, source)

    def worker(self) -> Any:
        """Fetches files."""
        return self.files

    def flush(self, rows: Sequence[jobs.Row]) -> None:
        """Make durable what the rows speak of."""
        if any(row.state == "done" for row in rows):
            files.sync_filesystem(self.spec.output)
        if self.told is not None:
            self.told(rows)

    def finish(self, run: jobs.Run) -> None:
        """Write the manifest: these files, and those of other splits that an earlier run fetched."""
        path = self.spec.folder(self.dataset.name) / MANIFEST
        before = {row.get("path"): row for row in files.read_jsonl(path)} if path.exists() else {}
        now = {}
        for seq, row in run.rows():
            source = self.plan.sources[seq]
            told = json.loads(row.value) if row.state == "done" else {}
            state = {"state": row.state if row.state == "done" else row.kind}
            now[source.path] = self._line(source, state | told, before.get(source.path, {}))
        root = self.files_folder
        others = {
            name: row for name, row in before.items() if name not in now and (root / str(name)).is_file()
        }
        self.manifest = [now[name] if name in now else others[name] for name in sorted({*now, *others})]
        files.write_jsonl(path, self.manifest)

    @property
    def files_folder(self) -> Path:
        """Where the files lie."""
        return self.spec.folder(self.dataset.name) / "source"

    def _line(self, source: Source, told: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
        origin = {"kind": source.kind, "repository": self.dataset.hub or self.dataset.home}
        line = {
            "path": source.path,
            **told,
            **origin,
            "revision": self.plan.revision,
            "license": self.dataset.license,
        }
        changed = old.get("sha256") and told.get("sha256") and old["sha256"] != told["sha256"]
        return line | ({"changed_from": old["sha256"]} if changed else {})


def download_datasets(spec: DatasetSpec, bar: Bar | None = None) -> Result:
    """Fetch datasets and prepare them, or say what is missing.

    Raises
    ------
    UsageError
        If a dataset has another way, or another revision was begun.
    SetupError
        If something has to be signed first, nobody answers, or the disk has no room.
    InputError
        If a local copy, or a file, is not what it has to be.
    """
    for name in dict.fromkeys(spec.names):
        _admit(spec, datasets()[name])
    told = [_one(spec, datasets()[name], bar) for name in dict.fromkeys(spec.names)]
    code = max((one.pop("exit_code") for one in told), default=0)
    facts = {"exit_code": code, "datasets": told, "output": str(spec.output)}
    return Result(code, facts, "\n".join(_words(told)))


def _admit(spec: DatasetSpec, dataset: Dataset) -> None:
    """Let pass what may be fetched, or lies here.

    Raises
    ------
    SetupError, UsageError
        Otherwise; with what has to be signed.
    """
    if dataset.gate != "none" and (spec.local is None or not dataset.layout):
        way = " Then name your copy with --local." if dataset.layout else ""
        raise SetupError(
            f"{dataset.title} is not for everybody: it wants {dataset.sign}.",
            hint=f"Sign at {dataset.home} and fetch it there.{way}",
        )
    if not dataset.layout:
        raise UsageError(f"medcli does not know how to read {dataset.name}.", hint=f"Look at {dataset.home}")


def _one(spec: DatasetSpec, dataset: Dataset, bar: Bar | None) -> dict[str, Any]:
    told: dict[str, Any] = {"name": dataset.name, "license": dataset.license, "exit_code": 0}
    code = "CC0" if dataset.code == "each" else dataset.code  # its rows are looked at one by one
    if not licenses.passes(code, spec.license):
        return told | {"state": BLOCKED}
    folder, kept = spec.folder(dataset.name), spec.kept(dataset.name)
    claim(folder, "dataset")
    splits = spec.splits(dataset)
    plan = _plan(spec, dataset, splits, kept)
    if spec.dry_run:
        return told | _outlook(dataset, plan, folder)
    assert plan is not None
    _room(spec, plan, folder)
    at_once, once = min(_AT_ONCE, spec.concurrency), Retry(attempts=1)
    with (
        bar(dataset.name, len(plan.sources), lambda: job.files.bytes) if bar else console.Bar("") as progress
    ):
        job = DatasetJob(spec, dataset, plan, getattr(progress, "told", None))
        report = jobs.run(
            job,
            state=kept,
            runner=jobs.runner_for(
                spec,
                lambda: jobs.AsyncRunner(at_once, once),
                retry=once,
                concurrency=at_once,
                per_node=True,
            ),
            restart=spec.restart,
            retry_failed=spec.retry_failed,
            progress=progress,
            stop_after=min(_ENOUGH, len(plan.sources)),
        )
    told |= {"revision": plan.revision, "files": report.to_json(), "exit_code": report.exit_code}
    told |= {"changed": sum("changed_from" in line for line in job.manifest), "how": dataset.how}
    if report.failed or not spec.prepare:
        return told | {"state": "failed" if report.failed else "fetched"}
    return told | {"state": "done", "splits": _prepared(spec, job, splits, kept)}


def _plan(spec: DatasetSpec, dataset: Dataset, splits: tuple[str, ...], kept: Path) -> Plan | None:
    """The wanted files; None where a dry run would have to ask for them."""
    if spec.local is not None:
        return sources.local(dataset, spec.local, splits)
    revision = spec.revision_of(dataset)
    plan = None if spec.restart else sources.known(kept, revision)
    if plan is None and spec.dry_run and dataset.hub:
        return None
    if plan is None:
        plan = sources.ask(dataset, revision, spec.addresses)
        if not spec.dry_run:
            try:
                kept.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SetupError(
                    f"The output folder can't be made: {os.strerror(error.errno or 0)}.",
                    hint="Choose another --output.",
                ) from None
            sources.note(kept, revision, plan)
    wanted = tuple(one for one in plan.sources if one.path == ORIGINAL or dataset.wants(one.path, splits))
    if not any(one.path != ORIGINAL for one in wanted):
        raise SetupError(
            f"{dataset.name} has none of the files that are expected at this revision.",
            hint="--revision NAME=REVISION takes another one.",
        )
    return plan._replace(sources=wanted)


def _missing(plan: Plan, folder: Path) -> list[Source]:
    """Files that are not there, by name and size alone."""

    def there(source: Source) -> bool:
        path = folder / "source" / source.path
        return path.is_file() and (not source.size or path.stat().st_size == source.size)

    return [source for source in plan.sources if not there(source)]


def _outlook(dataset: Dataset, plan: Plan | None, folder: Path) -> dict[str, Any]:
    """What a run would do; nothing is asked of anybody."""
    if plan is None:
        return {"state": "unplanned", "missing_bytes_estimated": dataset.bytes}
    missing = _missing(plan, folder)
    return {
        "state": "planned",
        "revision": plan.revision,
        "missing_files": len(missing),
        "missing_bytes": sum(source.size for source in missing),
    }


def _room(spec: DatasetSpec, plan: Plan, folder: Path) -> None:
    """Refuse to begin what the disk cannot hold: the files, and their pictures once more.

    Raises
    ------
    SetupError
        If it is more than is free.
    """
    missing = sum(source.size for source in _missing(plan, folder))
    expected = missing * (2 if spec.prepare else 1)
    free = shutil.disk_usage(next(one for one in (folder, *folder.absolute().parents) if one.exists())).free
    if expected > free:
        raise SetupError(
            f"About {amount(expected)} are needed for it, and the disk of --output has {amount(free)} free.",
            hint="Make room, choose another --output, fewer with --split, or say --no-prepare.",
        )


def _prepared(
    spec: DatasetSpec, job: DatasetJob, splits: tuple[str, ...], kept: Path
) -> list[dict[str, Any]]:
    """Prepare each split, but those that are as they have to be already."""
    dataset, folder = job.dataset, spec.folder(job.dataset.name)
    wish = Wish(spec.language, spec.license, spec.llava)
    noted = {} if spec.restart else _noted(kept)
    told = []
    for split in splits_of(dataset, splits):
        lines = [
            line
            for line in job.manifest
            if line["state"] == "done" and (line["path"] == ORIGINAL or dataset.wants(line["path"], (split,)))
        ]
        mark = _mark(dataset, wish, lines)
        known = noted.get(split, {})
        if known.get("mark") != mark or not all((folder / split / one).exists() for one in known["products"]):
            known = {"mark": mark, "told": _split(job, split, lines, wish)}
            known["products"] = [path.name for path in (folder / split).iterdir() if path.is_file()]
            noted[split] = known
            files.write(kept / _PREPARED, json.dumps(noted))
        told.append(known["told"])
    return told


def _split(job: DatasetJob, split: str, lines: Sequence[Mapping[str, Any]], wish: Wish) -> dict[str, Any]:
    dataset, root = job.dataset, job.files_folder
    paths = [root / str(line["path"]) for line in lines if line["path"] != ORIGINAL]
    shared = [path for path in paths if dataset.wants(path.relative_to(root).as_posix(), ())]
    original = any(line["path"] == ORIGINAL for line in lines)
    work = Work(
        split,
        job.spec.folder(dataset.name) / split,
        [path for path in paths if path not in shared],
        shared,
        root / ORIGINAL if original else None,
    )
    return prepare(dataset, f"{dataset.hub or dataset.name}@{job.plan.revision[:12]}", work, wish).to_json()


def _noted(kept: Path) -> dict[str, Any]:
    try:
        noted = json.loads((kept / _PREPARED).read_bytes())
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _mark(dataset: Dataset, wish: Wish, lines: Sequence[Mapping[str, Any]]) -> str:
    """A hash of all that shapes a split's product."""
    facts = [__version__, dataset.layout, dataset.license, list(wish.languages), wish.license, wish.llava]
    told = json.dumps([facts, [(line["path"], line["sha256"]) for line in lines]])
    return hashlib.sha256(told.encode()).hexdigest()


def _words(told: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the person is told of each dataset."""
    for one in told:
        yield f"{one['name']}: {_sentence(one)}"
        if one.get("files", {}).get("kinds", {}).get(NO_ORIGINAL):
            yield "  The original was not to be had: answer types are derived. --restart asks for it again."
        if one["state"] == "failed":
            gone = one.get("files", {}).get("kinds", {}).get(GONE)
            again = (
                "--restart asks again for what was gone"
                if gone
                else "--retry-failed fetches again what failed"
            )
            yield f"  Nothing was prepared. {again}."
        splits = one.get("splits", ())
        if splits:
            names = ("split", "rows", "written", "derived", "without_picture", "expected")
            cells = [
                tuple(_cell(split[name]) if split[name] or name != "expected" else "?" for name in names)
                for split in splits
            ]
            yield console.table(cells, header=tuple(name.replace("_", " ") for name in names))
        for split in splits:
            if split["differs"]:
                yield f"  {split['split']} has {split['rows']:,} rows, and {split['expected']:,} were expected."
            for kind, count in split["unusable"].items():
                yield f"  {split['split']}: {count:,} rows left out as {kind}."
        if splits and one.get("how"):
            yield f"  {one['how']}"


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _sentence(one: Mapping[str, Any]) -> str:
    state = one["state"]
    if state == BLOCKED:
        return f"not wanted under its licence ({one['license']})."
    if state == "unplanned":
        return f"about {one['missing_bytes_estimated'] / 1e6:,.0f} MB; the Hub was not asked yet."
    if state == "planned":
        return f"{one['missing_files']:,} files missing, {one['missing_bytes'] / 1e6:,.1f} MB."
    counts = one["files"]["kinds"]
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items()) + f" ({one['revision'][:12]})"
