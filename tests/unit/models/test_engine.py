"""Every path of the engine answers as plain ``generate`` does one by one, whatever is in the batch."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from medcli.errors import InputError, SetupError
from medcli.models import ModelSpec, Picture, Request, Sampling, chat, load, processors
from medcli.models.engine import check, fast, plan
from medcli.models.family import Prompt
from tests.unit.models.conftest import NAMES

pytest.importorskip("torch")
pytest.importorskip("transformers")

SETTINGS = Sampling(max_new_tokens=12, min_new_tokens=3)
PATHS = ["auto", "prefix", "features", "plain"]
TEXTS = [
    "What is shown?",
    "Is there a fracture of the left rib? Describe the findings.",
    "No.",
    "Which organ?",
]
Made = Callable[[str], Path]


def pictures() -> list[Image.Image]:
    draw = np.random.default_rng(0)
    return [Image.fromarray(draw.integers(0, 255, (40 + 20 * n, 60, 3), dtype=np.uint8)) for n in range(3)]


def mixed() -> list[Request]:
    """Images shared by several rows, rows with two, rows with none."""
    shown = pictures()
    counts = [2 if n == 7 else 0 if n % 5 == 4 else 1 for n in range(13)]
    return [
        Request(
            f"r{n}",
            (("user", f"{TEXTS[n % 4]} {n}"),),
            tuple(Picture(shown[(n + k) % 3]) for k in range(count)),
        )
        for n, count in enumerate(counts)
    ]


def spec(folder: Path, **options: Any) -> ModelSpec:
    return ModelSpec(str(folder), dtype="float32", device="cpu", **options)


def reference(folder: Path, requests: list[Request]) -> list[str]:
    """What a bare script of transformers answers."""
    import torch
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    processor = processors.load(folder)  # transformers' own AutoProcessor asks some for torchvision
    answers = []
    for request in requests:
        content: list[dict[str, Any]] = [{"type": "image", "image": one.source} for one in request.pictures]
        content.append({"type": "text", "text": request.turns[0][1]})
        inputs = processor.apply_chat_template(
            [{"role": "user", "content": content}],
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            add_generation_prompt=True,
        )
        told = model.generate(**inputs, do_sample=False, max_new_tokens=12, min_new_tokens=3)
        text = processor.decode(told[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        answers.append(text.strip())
    return answers


@pytest.mark.parametrize("name", NAMES)
def test_every_path_equals_generate_one_by_one(made: Made, name: str) -> None:
    folder, requests = made(name), mixed()
    expected = reference(folder, requests)
    assert len(set(expected)) > 5
    for path in PATHS:
        backend = load(spec(folder))
        for some in (requests, requests[3:9]):
            replies = list(backend.generate(some, replace(SETTINGS, path=path)))
            assert [one.key for one in replies] == [one.key for one in some]
            assert [one.text for one in replies] == [expected[int(one.key[1:])] for one in replies], path
        assert backend.engine().path == ("prefix" if path == "auto" else path)
        assert backend.engine().notes == ()


def test_each_image_is_encoded_and_prefilled_once(made: Made) -> None:
    backend = load(spec(made("llava")))
    shown = pictures()
    asked = [Request(f"{n}", (("user", f"{TEXTS[n % 4]} {n}"),), (Picture(shown[n % 2]),)) for n in range(10)]
    list(backend.generate(asked, replace(SETTINGS, path="prefix")))
    counts = backend.engine().counts
    assert counts["images_encoded"] == 2
    assert counts["prefix_tokens"] == 2 * 17  # the turn's mark, and sixteen places
    assert counts["rows"] == 10


@pytest.mark.parametrize("path", PATHS[1:])
def test_sampling_is_seeded_by_row(made: Made, path: str) -> None:
    backend = load(spec(made("llava")))
    warm = replace(SETTINGS, temperature=0.9, top_p=0.95, seed=3, path=path)
    together = [one.text for one in backend.generate(mixed(), warm)]
    apart = [next(iter(backend.generate([one], warm))).text for one in mixed()]
    assert together == apart
    other = [one.text for one in backend.generate(mixed(), replace(warm, seed=4))]
    assert other != together


def test_rows_that_cannot_be_asked_are_rows_with_a_reason(made: Made, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    backend = load(spec(made("llava")))
    asked = [
        Request("a", (("user", "Why?"),), (Picture(tmp_path / "gone.png"),)),
        Request("b", (("user", "Why?"),), (Picture(pictures()[0]),)),
        Request("c", (("user", "Why?"),), (Picture(tmp_path / "broken.png"),)),
        Request("d", (("user", "many words " * 3000),)),
    ]
    replies = list(backend.generate(asked, SETTINGS))
    assert [one.error for one in replies] == ["image-missing", "", "image-unreadable", "prompt-too-long"]
    assert [bool(one.text) for one in replies] == [False, True, False, False]
    assert replies[0].finish_reason == "error"
    with pytest.raises(InputError, match="no such image"):
        list(backend.stream(asked[0], SETTINGS))


def test_memory_that_runs_out_halves_the_batch_and_loses_nothing(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = load(spec(made("llava")))
    expected = [one.text for one in backend.generate(mixed(), replace(SETTINGS, path="prefix"))]
    real = fast.run

    def small(family: Any, batch: Any, *more: Any, **options: Any) -> Any:
        if len(batch) > 2:
            raise MemoryError
        return real(family, batch, *more, **options)

    monkeypatch.setattr(fast, "run", small)
    replies = list(backend.generate(mixed(), replace(SETTINGS, path="prefix", batch_tokens=1000)))
    assert [one.text for one in replies] == expected
    assert backend.engine().halvings > 1
    assert backend.engine().batch_tokens < 1000


def test_a_path_that_disagrees_is_given_up(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = load(spec(made("llava")))
    agreed: list[bool] = []

    def agrees(family: Any, rows: Any, settings: Any) -> bool:
        agreed.append(not any(row.prefix for row in rows))
        return agreed[-1]

    monkeypatch.setattr(check, "agrees", agrees)
    list(backend.generate(mixed(), SETTINGS))
    assert backend.engine().path == "features"
    assert "differ" in backend.engine().notes[0]


def test_a_repetition_penalty_of_the_checkpoint_holds(made: Made, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(made("llava"), folder)
    config = folder / "generation_config.json"
    config.write_text(config.read_text().replace("{", '{"repetition_penalty": 1.5,', 1))
    expected = reference(folder, mixed())
    for path in PATHS:
        replies = load(spec(folder)).generate(mixed(), replace(SETTINGS, path=path))
        assert [one.text for one in replies] == expected


def test_a_stream_is_the_answer(made: Made) -> None:
    backend = load(spec(made("llava")))
    for request in mixed()[:5]:
        whole = next(iter(backend.generate([request], SETTINGS))).text
        pieces = list(backend.stream(request, SETTINGS))
        assert "".join(pieces) == whole
        assert len(pieces) > 1


def rows(*lengths: tuple[int, int]) -> list[plan.Row]:
    made = []
    for at, (prefix, suffix) in enumerate(lengths):
        prompt = Prompt(list(range(prefix + suffix)), prefix)
        made.append(plan.Row(at, str(at), prompt, prefix))
    return made


def test_batches_keep_to_the_budget_and_hold_every_row_once() -> None:
    some = rows(*[(600, n % 7 + 1) for n in range(20)], *[(0, n + 1) for n in range(5)])
    batches = plan.batches(some, 16, 2500)
    assert sorted(row.at for batch in batches for row in batch) == list(range(25))
    assert len(batches) == 6 or len(batches) == 8
    for batch in batches:
        assert (max(r.prefix for r in batch) + max(r.suffix for r in batch) + 16) * len(batch) <= 2500
        assert len({row.prefix > 0 for row in batch}) == 1


def test_behind_a_window_only_equal_suffixes_meet() -> None:
    batches = plan.batches(rows((20, 3), (20, 4), (20, 3), (20, 4)), 16, 10_000, window=32)
    assert [[row.suffix for row in batch] for batch in batches] == [[3, 3], [4, 4]]


def test_a_row_too_large_for_the_budget_goes_alone() -> None:
    assert [len(batch) for batch in plan.batches(rows((600, 5), (600, 6)), 16, 100)] == [1, 1]


def test_a_text_that_names_the_picture_token_is_not_taken_for_one(made: Made) -> None:
    for name, token in (("llava", "<image>"), ("gemma3", "<start_of_image>")):
        backend = load(spec(made(name)))
        shown = (Picture(pictures()[0]),)
        said, unsaid = (Request("a", (("user", text),), shown) for text in (f"Why{token}?", "Why?"))
        replies = [next(iter(backend.generate([one], SETTINGS))) for one in (said, unsaid)]
        assert replies[0].text == replies[1].text
        assert not replies[0].error


def test_turns_that_a_template_refuses_are_one_rows_trouble(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend: Any = load(spec(made("llava")))
    real = backend.family.prepare

    def prepare(request: Request, visuals: Any) -> Prompt:
        if request.key == "b":
            raise ValueError("roles must alternate")
        return real(request, visuals)  # type: ignore[no-any-return]

    monkeypatch.setattr(backend.family, "prepare", prepare)
    asked = [Request(key, (("user", "Why?"),)) for key in "abc"]
    assert [one.error for one in backend.generate(asked, SETTINGS)] == ["", "prompt-unfit", ""]


def test_prefixes_of_several_caches_are_seated_at_the_right() -> None:
    import torch

    from medcli.models.engine import cache

    sources = []
    for length, rows_of in ((3, 2), (5, 1)):
        one = cache.fresh()
        one.update(*(torch.randn(rows_of, 2, length, 4) for _ in range(2)), 0)
        sources.append(one)
    seats = [(sources[0], 0), (sources[0], 1), (sources[1], 0)]
    seated = cache.seated(seats, [2, 0, 1, 0], 4)
    keys = seated.layers[0].keys
    assert keys.shape == (4, 2, 5, 4)
    assert torch.equal(keys[0], sources[1].layers[0].keys[0])
    assert torch.equal(keys[1, :, 2:], sources[0].layers[0].keys[0])
    assert torch.equal(keys[3], keys[1])
    assert not keys[1, :, :2].any()


def test_places_without_pictures_are_not_asked(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    backend: Any = load(spec(made("llava")))
    monkeypatch.setattr(type(backend.family), "_without_places", lambda _, text: text)
    shown = (Picture(pictures()[0]),)
    asked = [
        Request("bare", (("user", "Why <image>?"),)),
        Request("good", (("user", "Why?"),), shown),
        Request("gone", (("user", "Why?"),), shown),
    ]
    real = backend.family.processor

    class Forgetful:
        """A processor that puts in places and leaves the pictures out."""

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def __call__(self, **given: Any) -> Any:
            made = real(**given)
            del made["pixel_values"]
            return made

    assert [one.error for one in backend.generate(asked[:2], SETTINGS)] == [chat.DIFFER, ""]
    backend.family.processor = Forgetful()
    assert [one.error for one in backend.generate(asked[2:], SETTINGS)] == [chat.DIFFER]


def test_a_processor_that_cannot_do_without_torchvision_names_it(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("torchvision"):
        pytest.skip("torchvision is there")
    folder = made("qwen2.5-vl")

    def needy(_: Any) -> Any:
        raise TypeError

    monkeypatch.setattr(processors, "still", needy)
    with pytest.raises(SetupError, match="torchvision") as told:
        load(spec(folder))
    assert "pip install" in told.value.hint


def test_a_batch_takes_the_memory_of_the_one_before(made: Made) -> None:
    import torch

    from medcli.models.engine import cache

    memory, source = cache.Memory(), cache.fresh()
    source.update(*(torch.randn(3, 2, 5, 4) for _ in range(2)), 0)
    first = cache.seated([(source, 0), (source, 1)], [0, 0, 1], 4, memory)
    places = {slab.data_ptr() for slab in (first.layers[0].keys_slab, first.layers[0].values_slab)}
    cache.keep(first, [0, 2])
    assert torch.equal(first.layers[0].keys[1], source.layers[0].keys[1])
    memory.give_back(first)
    second = cache.seated([(source, 2)], [0, 0], 4, memory)
    assert {second.layers[0].keys_slab.data_ptr(), second.layers[0].values_slab.data_ptr()} == places
    assert torch.equal(second.layers[0].keys[1], source.layers[0].keys[2])
    backend = load(spec(made("llava")))
    told = [[one.text for one in backend.generate(mixed()[:n], SETTINGS)] for n in (5, 13, 5, 9)]
    assert told[0] == told[1][:5] == told[2] == told[3][:5]


@pytest.mark.parametrize("name", ["llava", "gemma3", "qwen2.5-vl"])
def test_a_trace_holds_what_transformers_computes(made: Made, name: str) -> None:
    import torch
    from transformers import AutoModelForImageTextToText

    request, folder = mixed()[0], made(name)
    reply, traced = load(spec(folder)).trace(request, SETTINGS)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    content = [{"type": "image", "image": request.pictures[0].source}]
    inputs = processors.load(folder).apply_chat_template(
        [{"role": "user", "content": [*content, {"type": "text", "text": request.turns[0][1]}]}],
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        add_generation_prompt=True,
    )
    with torch.no_grad():
        logits = model(**inputs).logits[0, -1].numpy()
    assert traced["input_ids"].tolist() == inputs["input_ids"][0].tolist()
    shape = traced["pixel_values"].shape
    assert np.array_equal(traced["pixel_values"], inputs["pixel_values"].numpy().reshape(shape))
    assert np.abs(traced["prefill_last"] - logits).max() < 1e-4
    assert traced["scores"].shape == (len(traced["out"]), len(logits))
    assert traced["feats"].shape[1] == 64
    assert reply == next(iter(load(spec(folder)).generate([request], SETTINGS)))
