"""``--check-only``: the checks over instruction data that exists, LLaVA-Med's released files included.

Knows which file is looked at, and what is written with ``--repair``; the work is done in
:mod:`medcli.instruct.checks.files`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medcli import console, reading
from medcli.errors import ItemFailed
from medcli.files import read_jsonl
from medcli.instruct.captions import read
from medcli.instruct.checks import rows
from medcli.instruct.checks.files import WHAT, check_file, repair_file
from medcli.instruct.connecting import check_settings, notes_of, tests_of
from medcli.instruct.door import Door
from medcli.instruct.result import Result
from medcli.instruct.room import make_room
from medcli.instruct.sample import Sample
from medcli.instruct.spec import InstructSpec
from medcli.records import Caption


def check(spec: InstructSpec) -> Result:
    """Check a file, and with ``--repair`` write what can be kept of it.

    Raises
    ------
    UsageError, InputError
        As the exit codes 2 and 4.
    """
    assert spec.check_only is not None
    began = time.monotonic()
    door = Door.of(spec.gate, (), detectors=spec.detector, trusted=spec.trust_host)
    door.ready()
    settings, tests = check_settings(spec, door), tests_of(spec)
    captions = _captions(spec.captions) if spec.captions is not None else None
    lookup = captions.get if captions is not None else None
    also = tests.findings if tests is not None else None
    make_room(spec)
    written: dict[str, str] = {}
    if spec.repair:
        assert spec.output is not None
        rejected = spec.beside("rejected")
        checked = repair_file(spec.check_only, spec.output, lookup, settings, rejected=rejected, also=also)
        written = {"output": str(spec.output), "rejected_file": str(rejected)}
    else:
        checked = check_file(spec.check_only, lookup, settings, also=also)
    code = 5 if checked.unreadable else 0
    facts = checked.to_json() | {"seconds": round(time.monotonic() - began, 3), "exit_code": code} | written
    if spec.report is not None:
        _report(spec, spec.report, facts)
    return Result(code, facts, _words(facts, repaired=spec.repair), tuple(notes_of(tests)))


def _report(spec: InstructSpec, path: Path, facts: dict[str, Any]) -> None:
    from medcli.instruct.report import write_report

    source = spec.output if spec.repair else spec.check_only
    assert source is not None
    write_report(
        path,
        _samples(source),
        rejected=read_jsonl(spec.beside("rejected")) if spec.repair else (),
        images=spec.images,
        facts={name: facts[name] for name in ("samples", "clean", "mended", "rejected", "pairs")},
        seed=spec.seed,
    )


def _samples(path: Path) -> Iterator[Sample]:
    """The samples of a file that can be read."""
    for value in reading.values(path, WHAT):
        with contextlib.suppress(ItemFailed):
            if not value.error:
                yield rows.read(value.value).sample


def _captions(path: Path) -> dict[str, Caption]:
    return {one.caption.caption_id: one.caption for one in read(path) if one.caption is not None}


def _words(facts: dict[str, Any], *, repaired: bool) -> str:
    lines = [("samples", f"{facts['samples']:,}"), ("clean", f"{facts['clean']:,}")]
    lines.append(("mended" if repaired else "can be mended", f"{facts['mended']:,}"))
    lines.append(("rejected" if repaired else "cannot be kept", f"{facts['rejected']:,}"))
    lines += [(f"  {reason}", f"{count:,}") for reason, count in facts["unreadable"].items()]
    lines.append(("question-answer pairs", f"{facts['pairs']:,}"))
    lines.append(("  dropped" if repaired else "  to be dropped", f"{facts['pairs_dropped']:,}"))
    if facts["without_caption"]:
        lines.append(("without a caption", f"{facts['without_caption']:,}"))
    lines += [(f"rule {name}", f"{count:,}") for name, count in facts["rules"].items()]
    lines.append(("seconds", f"{facts['seconds']:.1f}"))
    text = console.table(lines)
    return f"{text}\nWritten: {facts['output']}" if repaired else text
