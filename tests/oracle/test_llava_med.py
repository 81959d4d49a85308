"""Recorded behaviour of LLaVA-Med's own programs: pixels, ids, features, logits and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from medcli.models import Backend, ModelSpec, Picture, Request, Sampling, load

np = pytest.importorskip("numpy")

ORACLE = Path(__file__).parents[2].parent / "shared" / "oracle"
V15 = ("llava_med_v15/llava-tiny-mistral-oracle", "llava_med_v15/run-centred-padding")
V10 = ("llava_med_v10/llava-tiny-llama-oracle", "llava_med_v10/run-vqa-simple")
TOLERANCE = {"pixel_values": 1e-6, "vision": 1e-4, "feats": 1e-4, "prefill_last": 1e-4, "scores": 1e-4}
SETTINGS = Sampling(max_new_tokens=24)
QUESTIONS = range(6)


class Case(NamedTuple):
    backend: Backend
    arrays: Any
    answers: list[dict[str, Any]]
    requests: list[Request]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module", params=[V15, V10], ids=["v1.5", "v1.0"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    model, run = (ORACLE / part for part in request.param)
    backend = load(ModelSpec(str(model), dtype="float32", device="cpu"))
    images = ORACLE / "llava_med_v15" / "images"
    asked = [
        Request(str(row["question_id"]), (("user", row["text"]),), (Picture(images / row["image"]),), "jsonl")
        for row in lines(ORACLE / "llava_med_v15" / "questions.jsonl")
    ]
    yield Case(backend, np.load(run / "oracle.npz"), lines(run / "answers.jsonl"), asked)
    backend.close()


@pytest.mark.parametrize("number", QUESTIONS)
def test_arrays_and_answers(case: Case, number: int) -> None:
    reply, traced = case.backend.trace(case.requests[number], SETTINGS)
    recorded = {n.partition("_")[2]: case.arrays[n] for n in case.arrays.files if n.startswith(f"q{number}_")}
    assert set(recorded) <= set(traced)
    for name, expected in recorded.items():
        assert traced[name].shape == expected.shape, name
        if name in TOLERANCE:
            assert np.abs(traced[name] - expected).max() <= TOLERANCE[name], name
        else:
            assert (traced[name] == expected).all(), name
    assert (reply.text, reply.prompt) == (case.answers[number]["text"], case.answers[number]["prompt"])


@pytest.mark.parametrize("path", ["auto", "prefix", "features", "plain"])
def test_every_path_gives_the_recorded_answers(case: Case, path: str) -> None:
    replies = list(case.backend.generate(case.requests, replace(SETTINGS, path=path)))
    assert [reply.text for reply in replies] == [answer["text"] for answer in case.answers]
    assert [reply.key for reply in replies] == [request.key for request in case.requests]


@pytest.mark.parametrize("number", QUESTIONS)
def test_a_stream_is_the_answer_in_pieces(case: Case, number: int) -> None:
    assert "".join(case.backend.stream(case.requests[number], SETTINGS)) == case.answers[number]["text"]
