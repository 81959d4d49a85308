"""`medcli evaluate chat`: answers in free text beside references, compared by a judge in both orders.

Knows LLaVA-Med's chat questions (``text``, ``gpt4_answer``, ``fig_label``, ``fig_caption``, ``in_text_mention``) and
what becomes of them. Refuses to know servers; how reviews are summarised stands in :mod:`medcli.evaluate.reviews`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medcli import __version__, console, files, jobs
from medcli.errors import InputError, ItemsFailed, SafetyRefused
from medcli.evaluate import answers, comparing, joining, reviews
from medcli.evaluate.chat_spec import ChatSpec
from medcli.evaluate.judge import asking, prompts
from medcli.evaluate.judge.verdicts import scores_of
from medcli.evaluate.truths import Truths
from medcli.evaluate.vqa import Result
from medcli.evaluate.writing import insist_apart, reaching_the_disk
from medcli.privacy.gate import facts_of
from medcli.reading import Value, values
from medcli.records import PICTURE

BENCHMARK = "llava-med-chat"


def evaluate_chat(spec: ChatSpec, progress: jobs.Progress | None = None) -> Result:
    """Do what a Spec asks for.

    Raises
    ------
    InputError
        If files cannot be read or do not fit together.
    UsageError, SetupError
        If the judge or a detector cannot be asked.
    """
    insist_apart(() if spec.summarize else (spec.answers, spec.questions), spec.output)
    if spec.summarize is not None:
        found, lost = reviews.read(spec.summarize)
        return _told(spec, found, lost, {})
    assert spec.questions is not None
    rows = dict(_questions(spec.questions))
    held = _truths(rows)
    joined = joining.join(held, answers.read(_only(spec)))
    joining.insist(joined, partial=spec.partial)
    made, refused, gate = _judged(spec, rows, held, joined.replies, progress)
    _write(spec, made)
    found, lost = [], []
    for row in made:
        review = reviews.review_of(row)
        if isinstance(review, reviews.Review):
            found.append(review)
        else:
            lost.append((row["question_id"], refused.get(row["question_id"], review)))
    return _told(spec, found, lost, joined.problems, gate)


def _only(spec: ChatSpec) -> Path:
    assert spec.answers is not None
    return spec.answers


def _questions(path: Path) -> Sequence[tuple[Any, dict[str, Any]]]:
    found = []
    for value in values(path):
        row = value.value
        if not isinstance(row, dict) or not isinstance(row.get("question_id", row.get("id")), int | str):
            raise InputError(f"Line {value.number} of the file of questions is no question with an id.")
        found.append((row.get("question_id", row.get("id")), row))
    if len({number for number, _ in found}) < len(found):
        raise InputError("An id stands twice in the file of questions.", hint="Ids name one question each.")
    return found


def _truths(rows: Mapping[Any, Mapping[str, Any]]) -> Truths:
    """The questions as the join wants them, their references being the model's of the data set."""
    held = Truths()
    for place, (number, row) in enumerate(rows.items(), 1):
        reference = row.get("gpt4_answer", row.get("reference", row.get("answer")))
        kept = {
            "question_id": number,
            "text": row.get("text"),
            "answer": reference,
            "image": row.get("image"),
        }
        held.add(Value(place, kept))
    if not any(held.truths):
        raise InputError(
            "No question has a reference.", hint="It stands under `gpt4_answer`, `reference` or `answer`."
        )
    return held


def context_of(row: Mapping[str, Any]) -> str:
    """What is known of the image: label, caption, and sentences that mention the figure."""
    label, caption = str(row.get("fig_label") or ""), str(row.get("fig_caption") or row.get("context") or "")
    mentions = row.get("in_text_mention") or ()
    told = [str(one.get("tokens") or "") if isinstance(one, Mapping) else str(one) for one in mentions]
    head = f"{label}: {caption}" if label and caption else caption
    return "\n".join(filter(None, [head, *told]))


def _judged(
    spec: ChatSpec,
    rows: Mapping[Any, Mapping[str, Any]],
    held: Truths,
    replies: Sequence[str | None],
    progress: jobs.Progress | None,
) -> tuple[list[dict[str, Any]], dict[Any, str], dict[str, Any]]:
    """Have each pair judged in the orders wanted; return the questions with what was said, and what the gate did."""
    wanted = [
        (rows[held.ids[place]], held.truths[place] or "", reply)
        for place, reply in enumerate(replies)
        if reply is not None
    ]
    cases = []
    for row, reference, reply in wanted:
        question, context = str(row.get("text") or "").replace(PICTURE, "").strip(), context_of(row)
        of_the_patient = (facts_of(row), _names(row))
        cases.append(prompts.pair(context, question, reference, reply, *of_the_patient))
        if spec.order == "both":
            cases.append(prompts.pair(context, question, reply, reference, *of_the_patient))
    judged = asking.ask(_setting(spec), cases, _readable, progress)
    each = 2 if spec.order == "both" else 1
    made: list[dict[str, Any]] = []
    refused: dict[Any, str] = {}
    for place, (row, reference, reply) in enumerate(wanted):
        both = slice(each * place, each * (place + 1))
        verdicts, number = judged.verdicts[both], row.get("question_id", row.get("id"))
        if kinds := [*filter(None, judged.refused[both])]:
            refused[number] = kinds[0]
        told: dict[str, Any] = {"question": str(row.get("text") or ""), "ans1": reference, "ans2": reply}
        names = (reviews.FIRST, reviews.SWAPPED)
        told |= {name: one["said"] if one else None for name, one in zip(names, verdicts, strict=False)}
        if None in verdicts:  # half an opinion would bring the bias back
            told |= dict.fromkeys(names[:each])
        made.append({**row, "question_id": number, **told})
    return made, refused, judged.gate


def _names(row: Mapping[str, Any]) -> list[str]:
    """What the files of a row's pictures are called."""
    named = row.get("image") or ()
    return [one for one in ([named] if isinstance(named, str) else named) if isinstance(one, str)]


def _readable(text: str) -> dict[str, Any] | None:
    return {} if scores_of(text) else None


def _setting(spec: ChatSpec) -> asking.Setting:
    path = _only(spec)
    state = spec.state or path.with_name(f"{path.name}.judge")
    return asking.Setting(
        spec.judge,
        spec.base_url,
        spec.gate,
        state,
        spec.concurrency,
        spec.timeout,
        spec.retry_failed,
        spec.restart,
        spec.detector,
        spec.trust_host,
    )


def _write(spec: ChatSpec, made: list[dict[str, Any]]) -> None:
    if spec.output is not None:
        with reaching_the_disk("--output"):
            spec.output.mkdir(parents=True, exist_ok=True)
            files.write_jsonl(spec.output / "reviews.jsonl", made)


def _told(
    spec: ChatSpec,
    found: list[reviews.Review],
    lost: list[tuple[Any, str]],
    problems: Mapping[str, list[Any]],
    gate: Mapping[str, Any] | None = None,
) -> Result:
    lines = reviews.summarize(found, resamples=spec.resamples, seed=spec.seed)
    facts: dict[str, Any] = {
        "format": "medcli chat scores 1",
        "tool": f"medcli {__version__}",
        "judge": spec.judge,
        "prompt": "" if spec.summarize else prompts.version("pair"),
        "gate": dict(gate or {}),
        "order": "" if spec.summarize else spec.order,
        "bootstrap": {"unit": "image", "resamples": spec.resamples, "seed": spec.seed},
        "reviews": len(found),
        "lost": [{"question_id": str(number), "reason": reason} for number, reason in lost],
        "problems": {kind: [str(one) for one in ids] for kind, ids in problems.items()},
        "summary": lines,
        "published": comparing.published(BENCHMARK),
    }
    if spec.output is not None:
        with reaching_the_disk("--output"):
            spec.output.mkdir(parents=True, exist_ok=True)
            files.write(spec.output / "scores.json", json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    said = []
    if lost:
        kinds = {reason: sum(one == reason for _, one in lost) for _, reason in lost}
        named = ", ".join(f"{count} {reason}" for reason, count in kinds.items())
        hint = "" if spec.summarize else " --retry-failed asks again."
        said.append(f"{len(lost):,} questions have no review: {named}.{hint}")
    if problems:
        said.append(f"{joining.describe(dict(problems))}. Figures are of the other answers.")
    code = ItemsFailed.exit_code if lost or problems else 0
    if gate and gate["refused"]:
        code = SafetyRefused.exit_code
    return Result(code, facts, _table(lines), said)


def _table(lines: Sequence[Mapping[str, Any]]) -> str:
    shown = [
        (
            line["group"] if not line["value"] else f"{line['group']}={line['value']}",
            f"{line['relative']:.1f}",
            f"{line['relative_low']:.1f} - {line['relative_high']:.1f}" if "relative_low" in line else "",
            f"{line['ratio_of_means']:.1f}",
            f"{line['win_rate']:.1f}",
            f"{line['reference']:.2f}",
            f"{line['model']:.2f}",
            f"{line['n']:,}",
        )
        for line in lines
    ]
    header = (
        "questions",
        "relative",
        "95 % interval",
        "ratio of means",
        "win rate",
        "reference",
        "model",
        "n",
    )
    return console.table(shown, header=header)
