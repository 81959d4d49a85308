"""Asking a judge many things: each once, however often the command is run; one bad reply is one failed case.

Knows the job engine and the endpoint client. A case's key is made of all that the judge sees and of its name, so
that what it said once is known for good, for other files of answers too. What the judge sees and says holds
placeholders, and so does the ledger; a case that the gate keeps back never comes near it. Refuses to know what a
verdict means.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medcli import jobs, models
from medcli.errors import ItemFailed, MedcliError, SetupError
from medcli.evaluate.judge.door import Admitted, Case, Door
from medcli.models import ModelSpec, Request, Sampling
from medcli.privacy.gate import Refused

UNREADABLE = "judge-unreadable"
_LONGEST = 512
Read = Callable[[str], dict[str, Any] | None]
"""Makes a verdict of a judge's words, or None if they hold none."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Who judges, and how the run is driven.

    Attributes
    ----------
    model : str
        The judge's name.
    base_urls : tuple of str
        Its servers.
    gate : {"on", "remote", "off"}
        Which judges see placeholders; :class:`~medcli.evaluate.judge.door.Door` goes by it.
    state : Path
        Folder of what it said.
    concurrency, timeout : int, float
        Requests in flight; seconds to wait for the next byte.
    retry_failed, restart : bool
        Ask failed cases, or all of them, again.
    detectors, trusted : tuple of str
        What the gate asks beside its rules, and hosts that may be asked.
    """

    model: str
    base_urls: tuple[str, ...]
    gate: str
    state: Path
    concurrency: int = 16
    timeout: float = 120.0
    retry_failed: bool = False
    restart: bool = False
    detectors: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of cases.

    Attributes
    ----------
    verdicts : list of dict or None
        One for each case, with ``said`` for the judge's words; None where there is none.
    refused : list of str
        For each case why the gate kept it back: a reason code, or nothing.
    gate : dict
        What results say of the gate.
    report : Report
        Counts of what was asked.
    """

    verdicts: list[dict[str, Any] | None]
    refused: list[str]
    gate: dict[str, Any]
    report: jobs.Report


class JudgeJob:
    """The engine's view of a run."""

    name = "judge"

    def __init__(self, setting: Setting, cases: Sequence[Admitted], read: Read, load: Any) -> None:
        self._setting, self._cases = setting, cases
        self.workers = _Workers(setting, read, load)
        self.verdicts: dict[str, dict[str, Any]] = {}

    def fingerprint(self) -> Mapping[str, object]:
        """Nothing but the form: keys hold the rest, and what was said of other cases stays."""
        return {"form": 1}

    def items(self) -> Iterator[jobs.Item]:
        """Each case once."""
        unique = {case.key(self._setting.model): case for case in self._cases}
        yield from (jobs.Item(key, (key, case)) for key, case in unique.items())

    def worker(self) -> _Workers:
        """The one that talks to the judge."""
        return self.workers

    def flush(self, rows: Sequence[jobs.Row]) -> None:
        """Nothing: what rows speak of stands in them."""

    def finish(self, run: jobs.Run) -> None:
        """Take the verdicts."""
        self.verdicts = {row.key: json.loads(row.value) for _, row in run.rows() if row.state == "done"}


class _Workers:
    """Worker factory and worker: one call judges a case, many at a time."""

    def __init__(self, setting: Setting, read: Read, load: Any) -> None:
        self._setting, self._read, self._load = setting, read, load
        self.trouble: MedcliError | None = None

    async def __aenter__(self) -> jobs.AsyncWorker:
        one = self._setting
        spec = ModelSpec(one.model, "openai", base_urls=one.base_urls, timeout=one.timeout)
        self._backend: Any = self._load(spec)
        return self._judge

    async def __aexit__(self, *_: object) -> None:
        await self._backend.aclose()

    async def _judge(self, payload: tuple[str, Admitted]) -> list[jobs.Row]:
        key, case = payload
        turns = (("system", case.system), ("user", case.user))
        try:
            reply = await self._backend.answer(Request(key, turns), Sampling(max_new_tokens=_LONGEST))
        except MedcliError as error:
            self.trouble = error
            raise ItemFailed("stopped", stops=True) from None
        if reply.error:
            raise ItemFailed(reply.error)
        verdict = self._read(reply.text)
        if verdict is None:
            raise ItemFailed(UNREADABLE)
        value = json.dumps({**verdict, "said": reply.text}).encode()
        return [jobs.Row(key, "done", value=value, bytes=len(value))]


def ask(
    setting: Setting,
    cases: Sequence[Case],
    read: Read,
    progress: jobs.Progress | None = None,
    load: Any = models.load,
) -> Judged:
    """Have cases judged; what was judged before is not asked again.

    Raises
    ------
    UsageError
        If a detector cannot be meant.
    SetupError
        If the judge cannot be asked at all, or a detector not be loaded.
    """
    door = Door.of(setting.gate, setting.base_urls, setting.detectors, setting.trusted)
    admitted, refused = _admitted(door, cases)
    asked = [one for one in admitted if one is not None]
    if not asked and any(refused):
        return Judged([None] * len(cases), refused, door.facts(), jobs.Report())
    job = JudgeJob(setting, asked, read, load)
    try:
        report = jobs.run(
            job,
            state=setting.state,
            runner=jobs.AsyncRunner(setting.concurrency, jobs.Retry(attempts=1)),
            restart=setting.restart,
            retry_failed=setting.retry_failed,
            progress=progress,
            stop_after=1,
        )
    except SetupError:
        if job.workers.trouble is None:
            raise
        raise job.workers.trouble from None
    verdicts = [None if one is None else job.verdicts.get(one.key(setting.model)) for one in admitted]
    return Judged(verdicts, refused, door.facts(), report)


def _admitted(door: Door, cases: Sequence[Case]) -> tuple[list[Admitted | None], list[str]]:
    """What may be seen of each case, before anything is sent, and why of some nothing may."""
    admitted: list[Admitted | None] = []
    refused = [""] * len(cases)
    for place, case in enumerate(cases):
        try:
            admitted.append(door.admit(case))
        except Refused as error:
            admitted.append(None)
            refused[place] = error.kind
    return admitted, refused
