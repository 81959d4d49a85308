"""The engine's view of a file of questions: items, workers, the growing product.

Knows the job engine and the answers file; refuses to know how plans are made and what the person is told.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from medcli import jobs
from medcli.ask.admission import REFUSED
from medcli.ask.chunk import Chunk
from medcli.ask.growing import Growing
from medcli.ask.plan import Plan, Row
from medcli.ask.processes import processes_of
from medcli.ask.settled import Settled
from medcli.ask.spec import AskSpec
from medcli.ask.worker import TROUBLE, AskClients, AskWorkers, Setting
from medcli.errors import SetupError
from medcli.jobs.ledger import FILE as LEDGER
from medcli.jobs.reading import Reader
from medcli.models.protocol import Description
from medcli.models.weights import weights_print
from medcli.settings import fingerprint

Bar = Callable[[int], jobs.Progress]
_DEATHS = 2  # the first may be somebody's kill -9; a chunk that dies again goes into a process of its own, at the end


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
        self.again = spec.retry_failed
        self.rows = self.asked = self.resumed = 0

    def fingerprint(self) -> Mapping[str, object]:
        """The Spec's, with the content of the file of questions."""
        return facts_of(self._spec, self._plan.facts["questions"])

    def items(self) -> Iterator[jobs.Item]:
        """Chunks of the plan; for a server the rows of them, since there a row is what is lost or kept."""
        assert self.growing is not None
        self.rows = self.resumed = self.growing.resume()  # the ledger is there now
        chunks = self._plan.chunks(self.shard)
        if self.by_row:
            yield from (jobs.Item(row.key, row) for _, _, rows in chunks for row in rows)
            return
        # On a cluster whose size is not said, nobody knows which chunk a worker does next.
        guess = self._spec.runner == "local" or self._spec.ray_workers is not None
        window: deque[tuple[int, str, list[Row]]] = deque()
        for chunk in itertools.chain(chunks, [(0, "", [])] * len(self._setting.specs)):
            window.append(chunk)
            if len(window) > len(self._setting.specs):
                _, key, rows = window.popleft()
                kept = self.growing.answered(key) if self.again else {}
                self.asked -= len(kept)
                yield jobs.Item(key, Chunk(key, rows, chunk[2] if guess else (), kept))

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
        run.report.items = run.report.done + run.report.failed  # rows, where the engine counts chunks
        run.report.resumed = self.resumed
        if any(kind.startswith(REFUSED) for kind in run.report.kinds):
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
    """What a rerun has to agree on; of the file of questions and of models the content counts, not the place alone."""
    models = (
        spec.model,
        spec.base or "",
        spec.adapter or "",
        spec.captioner or "",
        spec.captioner_chart or "",
    )
    weights = "" if spec.backend == "openai" else weights_print(*models)
    return fingerprint(spec) | {"questions": questions, "weights": weights}


def run(spec: AskSpec, job: AskJob, opened: Plan, state: Path, bar: Bar | None) -> jobs.Report:
    """Run the engine, and let the answers file grow."""
    assert spec.output is not None
    output, settled = spec.output.absolute(), Settled(state / "plan")
    trouble = state / "plan" / TROUBLE
    trouble.unlink(missing_ok=True)
    job.again = spec.retry_failed and _failed(opened, state)
    with ExitStack() as stack:
        with writing("--output", "Choose another file."):
            output.parent.mkdir(parents=True, exist_ok=True)
            growing = Growing(
                output,
                opened,
                state,
                job.shard,
                by_row=job.by_row,
                model_id=lambda: model_of(settled, spec).model_id,
                retry_failed=job.again,
            )
        job.growing = stack.enter_context(growing)
        shown = stack.enter_context(bar(opened.rows_of(job.shard))) if bar else None
        try:
            return jobs.run(
                job,
                state=state,
                runner=_runner(spec, settled),
                restart=spec.restart,
                retry_failed=job.again,
                progress=_Growth(growing, job, shown),
                stop_after=1,
            )
        except SetupError:
            if not trouble.exists():
                raise
            message, hint = json.loads(trouble.read_bytes())
            raise SetupError(message, hint=hint) from None


def _failed(opened: Plan, state: Path) -> bool:
    """Whether a row failed for a reason that asking again can change; a row that is no question stays none."""
    if not (state / LEDGER).exists():
        return False
    with Reader(state) as reader:
        return bool(reader.failures() - opened.reasons())


def _runner(spec: AskSpec, settled: Settled) -> jobs.Runner:
    once = jobs.Retry(attempts=1)
    by_row = spec.backend == "openai"
    return jobs.runner_for(
        spec,
        lambda: _on_this_machine(spec, settled, once),
        retry=once,
        chunk=1,
        concurrency=spec.concurrency,
        gpus=0.0 if by_row or spec.devices == "cpu" else spec.ray_gpus,
        per_node=by_row,
    )


def _on_this_machine(spec: AskSpec, settled: Settled, once: jobs.Retry) -> jobs.Runner:
    if spec.backend == "openai":
        return jobs.AsyncRunner(spec.concurrency, once)
    processes = len(processes_of(spec))
    if processes > 1:
        return jobs.ProcessRunner(processes, chunk=1, retry=once)
    fatal = {key for key, deaths in settled.deaths().items() if deaths >= _DEATHS}
    return jobs.SerialRunner(once, apart=lambda chunk: chunk.key in fatal)


def model_of(settled: Settled, spec: AskSpec) -> Description:
    """Return what a worker found out about the model, or its name if none was ready."""
    return settled.model() or Description(Path(spec.model).name)


@contextlib.contextmanager
def writing(what: str, hint: str) -> Iterator[None]:
    """Say of what cannot be made or written what it is."""
    try:
        yield
    except OSError as error:
        raise SetupError(f"{what} cannot be written: {error.strerror}.", hint=hint) from error
