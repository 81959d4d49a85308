"""A language model that sees nothing answers through captions; adapters are put on; streams can be left."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from medcli.errors import MissingExtra, SetupError
from medcli.models import ModelSpec, Picture, Request, Sampling, captioned, load, loading
from medcli.models.loading import Placement

pytest.importorskip("torch")
pytest.importorskip("transformers")

TABLE_TOKENS = 24  # a table as long as a real one takes seconds on one thread
SETTINGS = Sampling(max_new_tokens=6, min_new_tokens=2)
Made = Callable[[str], Path]


@pytest.fixture(autouse=True)
def short_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captioned._ChartReader, "tokens", TABLE_TOKENS)


def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 60, 3), dtype=np.uint8))


def ask(key: str, kind: str = "", *, shown: bool = True) -> Request:
    return Request(key, (("user", "What is it?"),), (Picture(picture(), kind=kind),) if shown else ())


def spec(folder: Path, **options: Any) -> ModelSpec:
    return ModelSpec(str(folder), dtype="float32", device="cpu", **options)


def words(backend: Any, request: Request) -> str:
    family = backend.family
    return str(family.text(family.prepare(request, [family.see(one) for one in request.pictures]).ids))


def test_scans_and_charts_are_put_into_words_by_their_own(made: Made) -> None:
    eyes = {"captioner": str(made("captioner")), "captioner_chart": str(made("chart-reader"))}
    backend: Any = load(spec(made("language-model"), **eyes))
    scan, chart, unknown = (words(backend, ask(kind, kind)) for kind in ("scan", "chart", ""))
    assert scan == unknown != chart
    assert "### Input:" in scan
    assert scan.endswith("### Response:\n")
    assert "### Input:" not in words(backend, ask("none", shown=False))
    replies = list(backend.generate([ask("a"), ask("b", "chart"), ask("c", shown=False)], SETTINGS))
    assert [one.key for one in replies] == ["a", "b", "c"]
    assert len({one.prompt_tokens for one in replies}) == 3
    assert all(one.text and not one.error for one in replies)
    assert backend.engine().path == "features"
    assert "unknown kind counts as a scan" in backend.describe().notes[0]


def test_a_chart_reader_alone_reads_everything(made: Made) -> None:
    backend: Any = load(spec(made("language-model"), captioner_chart=str(made("chart-reader"))))
    assert words(backend, ask("a")) == words(backend, ask("b", "chart"))


def test_a_model_that_sees_nothing_says_so_row_by_row(made: Made) -> None:
    backend = load(spec(made("language-model"), template="plain"))
    replies = list(backend.generate([ask("a"), ask("b", shown=False)], SETTINGS))
    assert [one.error for one in replies] == ["model-takes-no-pictures", ""]


def test_a_model_without_a_chat_template_asks_for_one(made: Made) -> None:
    with pytest.raises(SetupError, match="no chat template"):
        load(spec(made("language-model")))


@pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="peft is not there")
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft asks the old way
def test_an_adapter_changes_the_model_as_peft_does(made: Made, tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForImageTextToText

    base = AutoModelForImageTextToText.from_pretrained(made("llava"), dtype=torch.float32)
    adapted = get_peft_model(
        base, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    )
    adapted.save_pretrained(tmp_path)
    backend: Any = load(spec(made("llava"), adapter=str(tmp_path)))
    merged = adapted.merge_and_unload().state_dict()
    for name, one in backend.family.model.state_dict().items():
        assert torch.allclose(one, merged[name], atol=1e-6), name
    assert len(list(backend.generate([ask("a")], SETTINGS))) == 1
    with pytest.raises(SetupError, match="adapter_config"):
        load(spec(made("llava"), adapter=str(made("llava"))))


@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is not None, reason="bitsandbytes is there")
def test_quantising_without_bitsandbytes_names_the_extra(made: Made) -> None:
    with pytest.raises(MissingExtra, match="quantize"):
        load(spec(made("llava"), quantize="4bit"))


def test_towers_projectors_and_heads_are_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from transformers.quantizers.quantizers_utils import should_convert_module

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    for bits in ("4bit", "8bit"):
        keep = loading._quantized(bits, torch.float32).llm_int8_skip_modules
        for name in (
            "model.vision_tower.encoder.layers.0.mlp.fc1",
            "model.visual.blocks.0.attn.qkv",
            "model.multi_modal_projector.linear_1",
            "lm_head",
        ):
            assert not should_convert_module(name, keep), name
        assert should_convert_module("model.language_model.layers.0.mlp.up_proj", keep)


@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not there")
def test_quantised_weights_are_packed_and_answer(made: Made) -> None:
    backend: Any = load(spec(made("llava"), quantize="8bit"))
    kinds = {name: type(one).__name__ for name, one in backend.family.model.named_modules()}
    assert kinds["model.language_model.layers.0.mlp.up_proj"] == "Linear8bitLt"
    assert kinds["lm_head"] == kinds["model.multi_modal_projector.linear_1"] == "Linear"
    assert all(one.text for one in backend.generate([ask("a"), ask("b", shown=False)], SETTINGS))


def test_a_model_that_is_split_answers_as_a_whole_one(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("accelerate")
    requests = [ask(f"{n}", shown=n != 2) for n in range(4)]
    expected = [one.text for one in load(spec(made("llava"))).generate(requests, SETTINGS)]
    assert [
        one.text for one in load(spec(made("llava"), split=True)).generate(requests, SETTINGS)
    ] == expected
    real = Placement.of.__func__  # type: ignore[attr-defined]

    def crammed(kind: Any, *given: Any) -> Placement:
        placed: Placement = real(kind, *given)
        placed.arguments.update(max_memory={"cpu": 400_000}, offload_folder=str(tmp_path))
        return placed

    monkeypatch.setattr(Placement, "of", classmethod(crammed))
    backend: Any = load(spec(made("llava"), split=True))
    assert "disk" in backend.family.model.hf_device_map.values()
    assert [one.text for one in backend.generate(requests, SETTINGS)] == expected
    assert backend.engine().path == "prefix"


def test_a_stream_that_nobody_listens_to_any_more_ends(made: Made) -> None:
    backend = load(spec(made("llava")))
    stream = backend.stream(ask("a"), Sampling(max_new_tokens=2000, min_new_tokens=2000))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert "answer" not in [one.name for one in threading.enumerate()]
