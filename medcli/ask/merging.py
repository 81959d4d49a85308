"""Joining the shards of one plan: their answers, in the questions' order, as one run would have written them.

Reads each shard's ledger, not its answers file; so a shard that is not finished is noticed, and a file that was
edited does not matter. Knows plans and ledgers; refuses to know models.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from medcli import console, files
from medcli.ask import plan
from medcli.ask.growing import line_from
from medcli.ask.plan import Plan
from medcli.ask.settled import Settled
from medcli.ask.spec import run_folder_of
from medcli.errors import InputError, UsageError
from medcli.jobs import Report
from medcli.jobs.joining import Joined, MergeSpec
from medcli.jobs.reading import Reader
from medcli.storage import Url

_MODEL = ("model_id", "template", "dtype", "image_processor", "vision_weights")


def join(spec: MergeSpec, progress: object = None) -> Joined:  # noqa: ARG001 - as the other domains' are called
    """What ``medcli merge`` does with runs of ask; raises as :func:`merge`."""
    spec.only("restart")
    if isinstance(spec.output, Url):
        raise UsageError("Answers are a file of this machine.", hint="Give --output a path.")
    report = merge(spec)
    return Joined(report.exit_code, report.to_json(), console.table(report.table()))


def merge(spec: MergeSpec) -> Report:
    """Join runs.

    Returns
    -------
    Report
        Counts over all rows.

    Raises
    ------
    InputError
        If a run is none, or is not finished.
    UsageError
        If the runs are not all the shards of one plan.
    """
    output = Path(spec.output)
    if output.exists() and not spec.restart:
        raise UsageError("--output is there already.", hint="Choose another, or say --restart.")
    folders = [_folder(path) for path in spec.runs]
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader(folder)) for folder in folders]
        plans = [stack.enter_context(Plan(folder / "plan" / plan.FILE)) for folder in folders]
        by_shard = _shards(readers, plans)
        _same_model(folders)
        return _write(output, plans[0], by_shard, _model_id(folders))


def _folder(path: Path) -> Path:
    for folder in (path, run_folder_of(path)):
        if (folder / "plan" / plan.FILE).is_file():
            return folder
    raise InputError(
        "A run to be merged is not there.", hint="Name run folders, or the answers files beside them."
    )


def _shards(readers: Sequence[Reader], plans: Sequence[Plan]) -> list[tuple[Reader, bool]]:
    """Return each shard's ledger, and whether its items are rows."""
    prints = [reader.fingerprint() for reader in readers]
    shards = [tuple(one.pop("shard") or (0, 1)) for one in prints]
    others = sorted({name for one in prints for name in one if one.get(name) != prints[0].get(name)})
    if others or any(one.facts != plans[0].facts for one in plans):
        raise UsageError(
            f"The runs differ in: {', '.join(others) or 'their plans'}.", hint="Merge shards of one run."
        )
    count = shards[0][1]
    if sorted(shards) != [(number, count) for number in range(count)]:
        missing = sorted({(number, count) for number in range(count)} - set(shards))
        names = ", ".join(f"{number}/{of}" for number, of in missing) or "none, but some stand twice"
        raise UsageError(
            f"The runs are not all the shards of one plan; missing: {names}.", hint="Name each once."
        )
    order = sorted(range(count), key=lambda place: shards[place])
    return [(readers[place], prints[place].get("backend") == "openai") for place in order]


def _same_model(folders: Sequence[Path]) -> None:
    known = [Settled(folder / "plan").model() for folder in folders]
    for name in _MODEL:
        if len({getattr(model, name) for model in known if model}) > 1:
            raise UsageError(f"The runs' models were loaded otherwise: {name.replace('_', ' ')}.")


def _model_id(folders: Sequence[Path]) -> str:
    return next((model.model_id for folder in folders if (model := Settled(folder / "plan").model())), "")


def _write(output: Path, opened: Plan, shards: Sequence[tuple[Reader, bool]], model_id: str) -> Report:
    report = Report(items=opened.count()["rows"])
    output.absolute().parent.mkdir(parents=True, exist_ok=True)
    with files.atomic(output.absolute()) as stream:
        for place, chunk_key in opened.places():
            number = place.chunk % len(shards)
            reader, by_row = shards[number]
            key, within = (place.key, 0) if by_row else (chunk_key, place.place)
            found = reader.row(key, within)
            if found is None:
                raise InputError(
                    f"Shard {number}/{len(shards)} is not finished.",
                    hint="Its own command goes on from where it was.",
                )
            line = line_from(opened, place, found, model_id)
            report.count(found.state, found.kind, 1, len(line))
            stream.write(line + b"\n")
    return report
