"""``--logic``: conversations from labelled pictures and a clinical tree, in the same files as those from captions.

Knows the tree's reader and the files; no model is asked, and one seed gives the same bytes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medcli import files, jobs
from medcli.errors import InputError
from medcli.instruct import outcome, writing
from medcli.instruct.logic_source import FailedRow, Split, Tree, questions, read_tree, samples
from medcli.instruct.result import Result, facts_of, words
from medcli.instruct.room import make_room
from medcli.instruct.sample import Sample
from medcli.instruct.spec import InstructSpec


def make(spec: InstructSpec) -> Result:
    """Make the conversations.

    Raises
    ------
    InputError
        If tree or table cannot be used.
    """
    assert spec.logic is not None
    assert spec.labels is not None
    assert spec.output is not None
    began = time.monotonic()
    tree = read_tree(spec.logic)
    make_room(spec)
    split: Split = "test" if spec.split == "test" else "train"
    about = {
        "model": "",
        "logic": tree.name,
        "logic_hash": _hash(spec.logic),
        "split": split,
        "seed": spec.seed,
    }
    provenance, rejected, asked = map(spec.beside, ("provenance", "rejected", "questions"))

    def rows() -> Iterator[jobs.Row]:
        assert spec.labels is not None
        for one in samples(tree, spec.labels, split=split, seed=spec.seed):
            yield _failed(one, about) if isinstance(one, FailedRow) else outcome.accepted("", one, about)

    written = writing.write(rows(), spec.output, provenance, rejected, spec.format, spec.seed)
    if not written.accepted:
        raise InputError(
            "No row of --labels gives a conversation.", hint=f"See {rejected.name} for each row's reason."
        )
    if split == "test":  # whoever were asked what a model was trained on would score its memory
        files.write_jsonl(asked, _questions(spec, tree, split))
    facts = (
        facts_of(written)
        | {
            "left_out": {},
            "resumed": 0,
            "seconds": round(time.monotonic() - began, 3),
            "output": str(spec.output),
            "provenance": str(provenance),
            "rejected_file": str(rejected),
        }
        | ({"questions": str(asked)} if split == "test" else {})
    )
    facts |= {"failed": written.rejected, "reasons": facts["rules"], "rejected": 0, "rules": {}}
    if spec.report is not None:
        from medcli.instruct.report import write_report

        write_report(
            spec.report,
            writing.samples_of(rows(), spec.seed),
            rejected=files.read_jsonl(rejected),
            images=spec.images,
            facts={"tree": tree.name, "split": split, "accepted": written.accepted},
            seed=spec.seed,
        )
    code = 5 if written.rejected else 0
    return Result(code, facts | {"exit_code": code}, words(facts))


def _questions(spec: InstructSpec, tree: Tree, split: Split) -> Iterator[dict[str, Any]]:
    """The same conversations as single questions with their references, for ``medcli ask`` and ``medcli evaluate``."""
    assert spec.labels is not None
    made = questions(tree, spec.labels, split=split, seed=spec.seed)
    return (one for one in made if not isinstance(one, FailedRow))


def _failed(row: FailedRow, about: dict[str, object]) -> jobs.Row:
    """A row of labels without a conversation: its line, and the tree's own name of the slot."""
    sample = Sample(f"line {row.line}", "conversation", ())
    slot = {"slot": row.slot} if row.slot else {}
    value = {
        "sample": outcome.packed(sample),
        "rules": [row.reason],
        "about": about | {"line": row.line} | slot,
    }
    return jobs.Row("", "skipped", row.reason, json.dumps(value).encode())


def _hash(path: Path) -> str:
    return files.content_hash(path)[:16]
