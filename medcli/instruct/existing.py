"""``--check-only``: the checks over instruction data that exists, LLaVA-Med's released files included.

Knows which file is looked at, and what is written with ``--repair``; the work is done in
:mod:`medcli.instruct.checks.files`.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from medcli import console
from medcli.instruct.captions import read
from medcli.instruct.checks.files import check_file, repair_file
from medcli.instruct.connecting import check_settings
from medcli.instruct.door import Door
from medcli.instruct.result import Result
from medcli.instruct.room import make_room
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
    settings = check_settings(spec, door)
    captions = _captions(spec.captions) if spec.captions is not None else None
    lookup = captions.get if captions is not None else None
    make_room(spec)
    written: dict[str, str] = {}
    if spec.repair:
        assert spec.output is not None
        rejected = spec.beside("rejected")
        checked = repair_file(spec.check_only, spec.output, lookup, settings, rejected=rejected)
        written = {"output": str(spec.output), "rejected_file": str(rejected)}
    else:
        checked = check_file(spec.check_only, lookup, settings)
    counts = asdict(checked)
    facts = counts | {"seconds": round(time.monotonic() - began, 3), "exit_code": 0} | written
    return Result(0, facts, _words(facts, repaired=spec.repair))


def _captions(path: Path) -> dict[str, Caption]:
    return {one.caption.caption_id: one.caption for one in read(path) if one.caption is not None}


def _words(facts: dict[str, Any], *, repaired: bool) -> str:
    rows = [("samples", f"{facts['samples']:,}"), ("clean", f"{facts['clean']:,}")]
    rows.append(("mended" if repaired else "can be mended", f"{facts['mended']:,}"))
    rows.append(("rejected" if repaired else "cannot be kept", f"{facts['rejected']:,}"))
    rows.append(("question-answer pairs", f"{facts['pairs']:,}"))
    rows.append(("  dropped" if repaired else "  to be dropped", f"{facts['pairs_dropped']:,}"))
    rows += [
        (f"rule {name}", f"{count:,}")
        for name, count in sorted(facts["rules"].items(), key=lambda one: -one[1])
    ]
    rows.append(("seconds", f"{facts['seconds']:.1f}"))
    text = console.table(rows)
    return f"{text}\nWritten: {facts['output']}" if repaired else text
