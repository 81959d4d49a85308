"""A file of questions, from its plan to the finished answers.

Knows the order of things: plan, ledger, workers, the growing file, what the person is told. Refuses to know how a
model answers (``models`` does) and how a file is planned (``planning`` does).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from medcli import console, files, jobs
from medcli.ask import plan, planning
from medcli.ask.growing import Growing
from medcli.ask.outline import outline, rows_of
from medcli.ask.plan import Plan, Row
from medcli.ask.refusal import DICOM, NOTES, Refusal
from medcli.ask.rendering import Rendering
from medcli.ask.settled import FILE as SETTLED
from medcli.ask.settled import Settled
from medcli.ask.spec import AskSpec
from medcli.ask.worker import EMPTY, TROUBLE, AskClients, AskWorkers, Setting
from medcli.errors import InputError, SetupError, UsageError
from medcli.jobs.ledger import FILE as LEDGER
from medcli.jobs.lock import hold
from medcli.jobs.reading import Reader
from medcli.models.protocol import Backend, Description, ModelSpec
from medcli.settings import fingerprint

Load = Callable[[ModelSpec], Backend]
Bar = Callable[[int], jobs.Progress]
_PLANNED_BY = ("suffix", "no-image", "limit", "max-new-tokens", "batch-tokens", "padding", "questions")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a command.

    Attributes
    ----------
    exit_code : int
        Of the command.
    facts : dict
        The one JSON document of ``--json``.
    text : str
        What is printed without it; empty where the answer was streamed.
    """

    exit_code: int
    facts: dict[str, Any] = field(default_factory=dict)
    text: str = ""


class AskJob:
    """The engine's view of a run.

    Parameters
    ----------
    spec : AskSpec
        What is asked for.
    opened : Plan
        The plan.
    setting : Setting
        For the workers.
    """

    name = "ask"

    def __init__(self, spec: AskSpec, opened: Plan, setting: Setting) -> None:
        self.shard = spec.shard or (0, 1)
        self.by_row = spec.backend == "openai"
        self._spec, self._plan, self._setting = spec, opened, setting
        self.growing: Growing | None = None
        self.rows = self.asked = 0

    def fingerprint(self) -> Mapping[str, object]:
        """The Spec's, with the content of the file of questions."""
        return facts_of(self._spec, self._plan.facts["questions"])

    def items(self) -> Iterator[jobs.Item]:
        """Chunks of the plan; for a server the rows of them, since there a row is what is lost or kept."""
        assert self.growing is not None
        self.rows = self.growing.resume()  # the ledger is there now
        chunks = self._plan.chunks(self.shard)
        if self.by_row:
            yield from (jobs.Item(row.key, row) for _, _, rows in chunks for row in rows)
            return
        window: deque[tuple[int, str, list[Row]]] = deque()
        for chunk in itertools.chain(chunks, [(0, "", [])] * len(self._setting.specs)):
            window.append(chunk)
            if len(window) > len(self._setting.specs):
                _, key, rows = window.popleft()
                # With it, what this worker is likely to do next: its pictures can be opened meanwhile.
                yield jobs.Item(key, (rows, chunk[2]))

    def worker(self) -> AskWorkers | AskClients:
        """One for a process, or the one that talks to a server."""
        return AskClients(self._setting) if self.by_row else AskWorkers(self._setting)

    def flush(self, rows: Sequence[jobs.Row]) -> None:
        """Count; what rows speak of stands in the rows."""
        self.rows += len(rows)
        self.asked += len(rows)

    def finish(self, run: jobs.Run) -> None:
        """Give the answers file its name, and count the rows of chunks that failed whole."""
        assert self.growing is not None
        self.growing.finish()
        if not self.by_row:
            with Reader(run.state) as reader:
                sizes = dict(reader.failed_whole())
            for _, key, rows in self._plan.chunks(self.shard) if sizes else ():
                if key in sizes:
                    run.report.count("failed", sizes[key], len(rows) - 1, 0)
        if run.report.kinds.keys() & {DICOM, NOTES}:
            run.report.refuse()


class _Growth:
    """Progress that lets the answers file grow after each commit."""

    def __init__(self, growing: Growing, job: AskJob, bar: jobs.Progress | None) -> None:
        self._growing, self._job, self._bar, self._shown = growing, job, bar, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, items: int) -> None:  # noqa: ARG002 - the engine counts chunks, the bar rows
        """Write what is finished."""
        self._growing.grow()
        if self._bar is not None:
            self._bar.update(self._job.rows - self._shown)
            self._shown = self._job.rows


def facts_of(spec: AskSpec, questions: str) -> dict[str, object]:
    """What a rerun has to agree on; of the file of questions the content counts, not its place."""
    return fingerprint(spec) | {"questions": questions}


def ask_file(spec: AskSpec, questions: Path, bar: Bar | None, load: Load) -> Result:
    """Ask a file of questions, or plan it only.

    Raises
    ------
    InputError
        If the file has nothing that can be asked, or the folder of images is not there.
    UsageError
        If the run was begun otherwise.
    SetupError
        If the model cannot work.
    """
    with ExitStack() as stack:
        state = _state(spec, stack)
        folder = state / "plan"
        stack.enter_context(hold(folder))
        images = _images(spec, questions)
        opened = stack.enter_context(_planned(spec, questions, images, state))
        _tell_unreadable(opened)
        if spec.dry_run:
            facts = outline(spec, opened)
            return Result(0, facts, console.table(rows_of(facts)))
        with _writing("The folder of traces", "Choose another --trace."):
            trace = files.private_folder(spec.trace.absolute()) if spec.trace else None
        refusal = Refusal.of(spec.gate, spec.base_url)
        setting = Setting(
            spec.models(), spec.sampling(), refusal, images, spec.window, spec.frame, folder, trace, load
        )
        job = AskJob(spec, opened, setting)
        report = _run(spec, job, opened, state, bar)
        return _told(spec, report, job.asked, Settled(folder))


def _tell_unreadable(opened: Plan) -> None:
    """Name the first rows that are no questions, by their numbers."""
    for number, kind in opened.unreadable():
        if kind == "bad-json":
            console.note(f"Line {number} of the questions is not JSON.")
        else:
            console.note(f"Row {number} of the questions cannot be asked: {kind}.")
    more = opened.count()["errors"] - opened.count()["doubled_ids"] - plan.TOLD
    if more > 0:
        console.note(f"And {more:,} more.")
    if opened.count()["doubled_ids"]:
        console.note(
            f"Rows whose id came before, so that they are not asked: {opened.count()['doubled_ids']:,}."
        )


def _state(spec: AskSpec, stack: ExitStack) -> Path:
    """Return the run's folder; one that goes away again for a plan that nobody wants to keep."""
    if spec.output is None and spec.state is None:
        passing = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        files.private_folder(passing / "plan")
        return passing
    state = spec.run_folder.absolute()
    with _writing("The run's folder", "Choose another --output or --state."):
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.private_folder(state / "plan")
    if spec.output and spec.output.exists() and not (state / LEDGER).exists() and not spec.restart:
        raise UsageError(
            "--output is there already, and not from this run.", hint="Choose another, or say --restart."
        )
    return state


@contextlib.contextmanager
def _writing(what: str, hint: str) -> Iterator[None]:
    """Say of what cannot be made or written what it is."""
    try:
        yield
    except OSError as error:
        raise SetupError(f"{what} cannot be written: {error.strerror}.", hint=hint) from error


def _images(spec: AskSpec, questions: Path) -> Path:
    folder = spec.images or questions.absolute().parent
    if not folder.is_dir():
        raise InputError("The folder of images is not there.", hint="Check --images.")
    return folder.absolute()


def _planned(spec: AskSpec, questions: Path, images: Path, state: Path) -> Plan:
    """Open the run's plan; make it where there is none."""
    if not questions.is_file():
        raise InputError("The file of questions is not there.", hint="Check --questions.")
    try:
        ours = facts_of(spec, files.content_hash(questions))
    except OSError as error:
        raise InputError(
            f"The file of questions cannot be read: {error.strerror}.", hint="Check its rights."
        ) from error
    _agree(spec, ours, state)
    path = state / "plan" / plan.FILE
    wanted = {name: ours[name] for name in _PLANNED_BY} | {"format": plan.FORMAT}
    if path.exists() and not spec.restart:
        known = Plan(path)
        if all(known.facts.get(name) == json.loads(json.dumps(value)) for name, value in wanted.items()):
            return known
        known.__exit__()
    for left in (path, state / "plan" / SETTLED):
        _set_aside(left)
    rendering = Rendering(
        spec.suffixes,
        not spec.no_image,
        spec.limit or 0,
        spec.max_new_tokens,
        spec.batch_tokens,
        images if spec.padding == "llava-med" else None,
    )
    planning.make(path, questions, rendering, wanted)
    return Plan(path)


def _agree(spec: AskSpec, ours: Mapping[str, object], state: Path) -> None:
    """Hold a rerun against what its run was begun with, before the plan is touched."""
    if spec.restart or not (state / LEDGER).exists():
        return
    with Reader(state) as reader:
        theirs = reader.fingerprint()
    plain = json.loads(json.dumps(ours))
    others = sorted(
        name for name in theirs.keys() | plain.keys() if theirs and theirs.get(name) != plain.get(name)
    )
    if others:
        raise UsageError(
            f"This run was begun with another setting of: {', '.join(others)}.",
            hint="Repeat the setting to resume, or begin anew with --restart.",
        )


def _set_aside(path: Path) -> None:
    """Rename what an earlier run left, as its ledger is: nothing is deleted."""
    number = 1
    while path.with_name(f"{path.stem}-{number}{path.suffix}").exists():
        number += 1
    if path.exists():
        path.rename(path.with_name(f"{path.stem}-{number}{path.suffix}"))


def _run(spec: AskSpec, job: AskJob, opened: Plan, state: Path, bar: Bar | None) -> jobs.Report:
    """Run the engine, and let the answers file grow."""
    assert spec.output is not None
    output, settled = spec.output.absolute(), Settled(state / "plan")
    trouble = state / "plan" / TROUBLE
    trouble.unlink(missing_ok=True)
    with ExitStack() as stack:
        with _writing("--output", "Choose another file."):
            output.parent.mkdir(parents=True, exist_ok=True)
            growing = Growing(
                output,
                opened,
                state,
                job.shard,
                by_row=job.by_row,
                model_id=lambda: _model(settled, spec).model_id,
                retry_failed=spec.retry_failed,
            )
        job.growing = stack.enter_context(growing)
        shown = stack.enter_context(bar(opened.rows_of(job.shard))) if bar else None
        try:
            return jobs.run(
                job,
                state=state,
                runner=_runner(spec),
                restart=spec.restart,
                retry_failed=spec.retry_failed,
                progress=_Growth(growing, job, shown),
                stop_after=1,
            )
        except SetupError:
            if not trouble.exists():
                raise
            message, hint = json.loads(trouble.read_bytes())
            raise SetupError(message, hint=hint) from None


def _runner(spec: AskSpec) -> jobs.Runner:
    once = jobs.Retry(attempts=1)
    if spec.backend == "openai":
        return jobs.AsyncRunner(spec.concurrency, once)
    processes = len(spec.models())
    return jobs.SerialRunner(once) if processes == 1 else jobs.ProcessRunner(processes, chunk=1, retry=once)


def _model(settled: Settled, spec: AskSpec) -> Description:
    return settled.model() or Description(Path(spec.model).name)


def _told(spec: AskSpec, report: jobs.Report, asked: int, settled: Settled) -> Result:
    model, known = _model(settled, spec), settled.read()
    for sentence in (*model.notes, *known.get("notes", ())):
        console.note(sentence)
    empty = report.kinds.get(EMPTY, 0)
    if empty and 2 * empty >= report.done:
        console.note(
            f"{empty:,} of {report.done:,} answers are empty: is '{model.template}' this model's template?"
        )
    facts = report.to_json() | {"model_id": model.model_id, "template": model.template}
    rate = round(asked / report.seconds, 2) if report.seconds else 0.0
    facts |= {"engine": known.get("path", ""), "output": str(spec.output), "questions_per_second": rate}
    return Result(
        report.exit_code, facts, console.table([*report.table(), ("questions a second", f"{rate:,}")])
    )
