"""A file of questions, from its plan to the finished answers.

Knows the order of things: plan, ledger, workers, the growing file, what the person is told. Refuses to know how a
model answers (``models`` does) and how a file is planned (``planning`` does).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from medcli import console, files, jobs, storage
from medcli.ask import plan, planning
from medcli.ask.admission import Admission
from medcli.ask.asking import AskJob, Bar, facts_of, model_of, run, writing
from medcli.ask.outline import outline, rows_of
from medcli.ask.pictures import Pictures, pictures_in
from medcli.ask.plan import Plan
from medcli.ask.processes import processes_of
from medcli.ask.receipts import key_of, write_receipt
from medcli.ask.rendering import Rendering
from medcli.ask.settled import FILE as SETTLED
from medcli.ask.settled import Settled
from medcli.ask.spec import AskSpec
from medcli.ask.worker import EMPTY, Setting
from medcli.errors import InputError, UsageError
from medcli.jobs.ledger import FILE as LEDGER
from medcli.jobs.ledger import explained
from medcli.jobs.lock import hold
from medcli.jobs.reading import Reader
from medcli.models.protocol import Backend, ModelSpec
from medcli.storage import Url

_SEATS = 4096  # a node that was lost can leave its seat taken
Load = Callable[[ModelSpec], Backend]
_PLANNED_BY = (
    "suffix",
    "no-image",
    "limit",
    "max-new-tokens",
    "batch-tokens",
    "padding",
    "questions",
    "gate",
)


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
        _check_output(spec, questions)
        state = _state(spec, stack)
        folder = state / "plan"
        stack.enter_context(hold(folder))
        images = stack.enter_context(pictures_in(_images(spec, questions), state))
        ours = _facts(spec, questions)
        spec = _agreed(spec, ours, state)
        opened = stack.enter_context(_planned(spec, questions, images, state, ours))
        _tell_unreadable(opened)
        if spec.dry_run:
            facts = outline(spec, opened)
            return Result(0, facts, console.table(rows_of(facts)))
        with writing("The folder of traces", "Choose another --trace."):
            trace = files.private_folder(spec.trace.absolute()) if spec.trace else None
        admission = Admission.of(spec, key_of(folder))
        setting = Setting(
            processes_of(spec),
            spec.sampling(),
            admission,
            images,
            spec.window,
            spec.frame,
            folder,
            trace,
            load,
            _SEATS if spec.runner == "ray" else 0,
        )
        job = AskJob(spec, opened, setting)
        report = run(spec, job, opened, state, bar)
        write_receipt(state, spec, admission.gate)
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


def _check_output(spec: AskSpec, questions: Path) -> None:
    """Refuse an answers file that would replace something else, before anything is made beside it."""
    output = spec.output
    if output is None or not output.exists():
        return
    if not output.is_file():
        raise UsageError("--output is no file.", hint="Name the file that the answers go to.")
    if questions.exists() and output.samefile(questions):
        raise UsageError(
            "--output is the file of questions, which is never replaced.", hint="Choose another."
        )
    if not (spec.run_folder / LEDGER).exists() and not spec.restart:
        raise UsageError(
            "--output is there already, and not from this run.", hint="Choose another, or say --restart."
        )


def _state(spec: AskSpec, stack: ExitStack) -> Path:
    """Return the run's folder; one that goes away again for a plan that nobody wants to keep."""
    if spec.output is None and spec.state is None:
        passing = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        files.private_folder(passing / "plan")
        return passing
    state = spec.run_folder.absolute()
    with writing("The run's folder", "Choose another --output or --state."):
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.private_folder(state / "plan")
    return state


def _images(spec: AskSpec, questions: Path) -> Path | Url:
    folder = spec.images or questions.absolute().parent
    if isinstance(folder, Url):
        if not spec.no_image and not storage.any_below(folder):
            raise InputError("There is nothing at the URL of the images.", hint="Check --images.")
        return folder
    if not spec.no_image and not folder.is_dir():
        raise InputError("The folder of images is not there.", hint="Check --images.")
    return folder.absolute()


def _facts(spec: AskSpec, questions: Path) -> dict[str, object]:
    """Return what a rerun has to agree on."""
    if not questions.is_file():
        raise InputError("The file of questions is not there.", hint="Check --questions.")
    try:
        return facts_of(spec, files.content_hash(questions))
    except OSError as error:
        raise InputError(
            f"The file of questions cannot be read: {error.strerror}.", hint="Check its rights."
        ) from error


def _agreed(spec: AskSpec, ours: Mapping[str, object], state: Path) -> AskSpec:
    """Hold a rerun against what its run was begun with, before the plan is touched.

    A run that came to nothing (a misspelt model, no memory) binds nobody: it is begun anew.
    """
    if spec.restart or not (state / LEDGER).exists():
        return spec
    with explained(), Reader(state) as reader:
        theirs, rows = reader.fingerprint(), reader.count()
    plain = json.loads(json.dumps(ours))
    others = sorted(
        name for name in theirs.keys() | plain.keys() if theirs and theirs.get(name) != plain.get(name)
    )
    if not others:
        return spec
    if not rows:
        return replace(spec, restart=True, retry_failed=False)
    raise UsageError(
        f"This run was begun with another setting of: {', '.join(others)}.",
        hint="Repeat the setting to resume, or begin anew with --restart.",
    )


def _planned(
    spec: AskSpec, questions: Path, images: Pictures, state: Path, ours: Mapping[str, object]
) -> Plan:
    """Open the run's plan; make it where there is none."""
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
        gated=Admission.of(spec).gate.applies,
    )
    planning.make(path, questions, rendering, wanted)
    return Plan(path)


def _set_aside(path: Path) -> None:
    """Rename what an earlier run left, as its ledger is: nothing is deleted."""
    number = 1
    while path.with_name(f"{path.stem}-{number}{path.suffix}").exists():
        number += 1
    if path.exists():
        path.rename(path.with_name(f"{path.stem}-{number}{path.suffix}"))


def _told(spec: AskSpec, report: jobs.Report, asked: int, settled: Settled) -> Result:
    model, known = model_of(settled, spec), settled.read()
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
    speed = [("questions a second", f"{rate:,}")] if asked else []
    return Result(report.exit_code, facts, console.table([*report.table(), *speed]))
