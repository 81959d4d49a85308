"""`medcli download articles`: from numbers or a query to JATS files, figures and caption records.

Knows the order of things; ``captions.jsonl`` is what ``generate-instruct`` takes.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medcli import console, files, jobs
from medcli.data import parts
from medcli.data.articles.search import Search
from medcli.data.articles.spec import ArticlesSpec
from medcli.data.articles.worker import Articles
from medcli.data.images.worker import Setting
from medcli.data.places import claim, deliver
from medcli.data.result import Result
from medcli.data.transfer.fetch import Fetcher
from medcli.errors import InputError, ItemFailed, SetupError
from medcli.jobs.retry import Retry
from medcli.jobs.shards import WHOLE
from medcli.settings import fingerprint
from medcli.storage import Url

_NUMBER = re.compile(r"(?:PMC)?(\d{1,10})(?:\.\d+)?", re.IGNORECASE)
_FOUND = "pmcids.txt"


@dataclass(slots=True)
class ArticlesJob:
    """What the engine drives."""

    spec: ArticlesSpec
    numbers: Sequence[int]
    told: Any = None
    captions: int = 0
    uncaptioned: int = 0
    name: str = field(default="download articles", init=False)

    def fingerprint(self) -> Mapping[str, object]:
        """What shapes the product; a file of numbers may grow."""
        return fingerprint(self.spec)

    def items(self) -> Iterator[jobs.Item]:
        """An article each."""
        for number in self.numbers:
            yield jobs.Item(f"PMC{number}", number)

    def worker(self) -> Any:
        """Fetches articles."""
        spec, output = self.spec, self.spec.place.absolute()
        setting = Setting(
            output / "images",
            spec.addresses["bucket"],
            spec.license,
            spec.allow,
            spec.decode,
            spec.transfer,
            str(spec.output) if isinstance(spec.output, Url) else "",
        )
        return Articles(setting, output / "articles", spec.images)

    def flush(self, rows: Sequence[jobs.Row]) -> None:
        """Make durable what the rows speak of."""
        if any(row.state == "done" for row in rows):
            files.sync_filesystem(self.spec.place)
        if self.told is not None:
            self.told(rows)

    def finish(self, run: jobs.Run) -> None:
        """Write captions, manifest and what is missing."""
        output = self.spec.place
        with (
            files.atomic(output / "captions.jsonl") as captions,
            files.atomic(output / "manifest.jsonl") as manifest,
            files.atomic(output / "missing.jsonl") as missing,
        ):
            for seq, row in run.rows():
                value = json.loads(row.value) if row.value else {}
                named = {"id": value.get("record", {}).get("pair_id", ""), "pmcid": f"PMC{self.numbers[seq]}"}
                told = value.get("told", value)
                if row.state == "done" and told.get("file"):
                    manifest.write(_line(named | told))
                elif row.state != "done":
                    missing.write(_line(named | {"state": row.state, "cause": row.kind}))
                record = value.get("record")
                if record and record["fig_caption"] and (record["image"] or not self.spec.images):
                    captions.write(_line(record))
                    self.captions += 1
                elif record and not record["fig_caption"]:
                    self.uncaptioned += 1
        deliver(self.spec.output, output, "captions.jsonl", "manifest.jsonl", "missing.jsonl")


def download_articles(
    spec: ArticlesSpec, bar: Any = None, bring: Callable[[Path], None] | None = None
) -> Result:
    """Fetch articles, or say how many are missing.

    Parameters
    ----------
    spec, bar, bring
        As of :func:`~medcli.data.images.job.download_images`.

    Raises
    ------
    InputError
        If there is no number to fetch.
    UsageError
        If the run was begun otherwise, or the query is refused.
    SetupError
        If a service does not answer, or another run is at the folder.
    """
    claim(spec.place, "articles")
    try:
        for folder in (spec.folder, spec.place / "images", spec.place / "articles"):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"The output folder can't be made: {os.strerror(error.errno or 0)}.",
            hint="Choose another --output.",
        ) from None
    everything = _numbers(spec)[: spec.limit]
    number, of = spec.shard or WHOLE
    numbers = [one for one in everything if one % of == number]
    if not everything:
        raise InputError("No article is asked for.", hint="Check --pmcids or --query.")
    if spec.dry_run:
        known = _known(spec)
        facts: dict[str, Any] = {
            "articles": len(numbers),
            "missing_articles": sum(f"PMC{one}" not in known for one in numbers),
        }
        return Result(0, facts, console.table([(k.replace("_", " "), f"{v:,}") for k, v in facts.items()]))
    once = Retry(attempts=1)
    with bar(len(numbers)) if bar is not None else console.Bar("") as progress:
        job = ArticlesJob(spec, numbers, getattr(progress, "told", None))
        if bring is not None:
            bring(spec.folder)
            known = _known(spec)
            parts.check_whole(bring, sum(f"PMC{one}" not in known for one in numbers))
        dealt = hashlib.sha256(json.dumps(everything).encode()).hexdigest()
        with parts.noting(spec, spec.folder, job.name, dealt):
            report = jobs.run(
                job,
                state=spec.folder,
                runner=jobs.runner_for(
                    spec,
                    lambda: jobs.AsyncRunner(spec.concurrency, once),
                    retry=once,
                    concurrency=spec.concurrency,
                    per_node=True,
                ),
                restart=spec.restart,
                retry_failed=spec.retry_failed,
                progress=progress,
            )
    facts = report.to_json() | {"captions": job.captions, "without_caption": job.uncaptioned}
    rows = [*report.table(), ("captions", f"{job.captions:,}")]
    return Result(report.exit_code, facts | {"output": str(spec.output)}, console.table(rows))


def _known(spec: ArticlesSpec) -> set[str]:
    """Articles that have their outcome."""
    from medcli.jobs.ledger import FILE
    from medcli.jobs.reading import Reader

    if not (spec.folder / FILE).exists():
        return set()
    with Reader(spec.folder) as reader:
        return {
            f"PMC{one}" for one in _numbers(spec) if reader.row(f"PMC{one}", failed=not spec.retry_failed)
        }


def _numbers(spec: ArticlesSpec) -> list[int]:
    """The numbers wanted, each once, in their order; a query is asked once a run."""
    if spec.pmcids is not None:
        return _read(spec.pmcids)
    found = spec.folder / _FOUND
    mark = f"# {spec.query}"
    if spec.restart or not found.exists() or not found.read_text(encoding="utf-8").startswith(f"{mark}\n"):
        numbers = asyncio.run(_ask(spec))
        files.write(found, "\n".join([mark, *(f"PMC{one}" for one in numbers)]) + "\n")
    return _read(found)


async def _ask(spec: ArticlesSpec) -> list[int]:
    async with Fetcher(spec.transfer) as fetcher:
        try:
            return await Search(fetcher, spec.addresses["eutils"], spec.email or "").pmcids(spec.query or "")
        except ItemFailed as failed:
            raise SetupError(
                f"E-utilities do not answer: {failed.kind}.", hint="The same command asks again."
            ) from None


def _read(path: Any) -> list[int]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InputError("The file of numbers cannot be read.", hint="Check --pmcids.") from None
    numbers = []
    for place, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = _NUMBER.fullmatch(text)
        if found is None:
            raise InputError(
                f"Line {place} of --pmcids is no number of an article.",
                hint="One a line is needed: PMC4083729",
            )
        numbers.append(int(found[1]))
    return list(dict.fromkeys(numbers))


def _line(facts: dict[str, Any]) -> bytes:
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
