"""Original checkpoints load tensor by tensor where they belong, and broken ones say what is wrong."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from medcli.errors import MedcliError, SetupError, UsageError
from medcli.models import ModelSpec, Picture, Request, Sampling, llava_med, load
from tests.unit.models import originals

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("sentencepiece")

SETTINGS = Sampling(max_new_tokens=8)


def spec(folder: Path, **options: Any) -> ModelSpec:
    return ModelSpec(str(folder), dtype="float32", device="cpu", **options)


def picture(width: int = 40, height: int = 30) -> Image.Image:
    draw = np.random.default_rng(width)
    return Image.fromarray(draw.integers(0, 255, (height, width, 3), dtype=np.uint8))


def ask(text: str = "What is the organ?", form: str = "record", **options: Any) -> Request:
    return Request("a", (("user", text),), (Picture(picture(), **options),), form)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_v15_tensors_are_mapped(tmp_path: Path, kind: str) -> None:
    import torch

    weights = originals.v15(tmp_path / "m", inside=True, kind=kind)
    family: Any = load(spec(tmp_path / "m")).family  # type: ignore[attr-defined]
    own = family.model.state_dict()
    assert torch.equal(own["lm_head.weight"], weights["lm_head.weight"])
    for theirs, ours in (
        ("model.layers.1.mlp.up_proj.weight", "model.language_model.layers.1.mlp.up_proj.weight"),
        ("model.norm.weight", "model.language_model.norm.weight"),
        ("model.mm_projector.2.bias", "model.multi_modal_projector.linear_2.bias"),
        (
            "model.vision_tower.vision_tower.vision_model.embeddings.class_embedding",
            "model.vision_tower.embeddings.class_embedding",
        ),
    ):
        assert torch.equal(own[ours], weights[theirs]), ours
    assert len(own) == len(weights)


def test_the_tower_is_the_checkpoints_or_the_named_one(tmp_path: Path) -> None:
    originals.v15(tmp_path / "m", inside=True)
    originals.v15(tmp_path / "n", inside=False)
    traced, used = {}, {}
    for choice in ("auto", "checkpoint", "config"):
        backend = load(spec(tmp_path / "m", vision_weights=choice))
        traced[choice] = backend.trace(ask(), SETTINGS)[1]["vision"]
        used[choice] = backend.describe().vision_weights
    assert used == {"auto": "checkpoint", "checkpoint": "checkpoint", "config": "config"}
    assert (traced["auto"] == traced["checkpoint"]).all()
    assert not np.allclose(traced["auto"], traced["config"])
    without = load(spec(tmp_path / "n"))
    assert without.describe().vision_weights == "config"
    assert np.allclose(without.trace(ask(), SETTINGS)[1]["vision"], traced["config"])
    with pytest.raises(UsageError, match="holds no vision tower"):
        load(spec(tmp_path / "n", vision_weights="checkpoint"))


@pytest.mark.parametrize("kind", ["linear", "mlp1x_gelu", "mlp3x_gelu"])
def test_other_projectors(tmp_path: Path, kind: str) -> None:
    weights = originals.v15(tmp_path / "m", projector=kind)
    traced = load(spec(tmp_path / "m")).trace(ask(), SETTINGS)[1]
    states = traced["vision"]
    layers = sorted({n.rpartition(".")[0] for n in weights if "mm_projector" in n})
    for number, layer in enumerate(layers):
        if number:
            from math import erf, sqrt

            states = states * 0.5 * (1 + np.vectorize(erf)(states / sqrt(2)))
        states = states @ weights[f"{layer}.weight"].numpy().T + weights[f"{layer}.bias"].numpy()
    assert np.abs(states - traced["feats"]).max() < 1e-4


def test_a_v15_question_loses_its_picture_token_and_white_space(tmp_path: Path) -> None:
    originals.v15(tmp_path / "m")
    backend = load(spec(tmp_path / "m"))
    plain, messy = ask("Which organ?"), ask(" \n<image>Which organ?\n<image> ")
    assert backend.prompt(messy) == "Which organ?"
    traced = [backend.trace(one, SETTINGS)[1]["input_ids"].tolist() for one in (plain, messy)]
    assert traced[0] == traced[1]
    assert traced[0].count(-200) == 1
    several = Request("b", (("user", "Which?"),), (Picture(picture()), Picture(picture(30, 30))))
    assert backend.trace(several, SETTINGS)[1]["input_ids"].tolist().count(-200) == 2


def test_turns_are_laid_out_as_the_template_has_them(tmp_path: Path) -> None:
    originals.v15(tmp_path / "m")
    backend: Any = load(spec(tmp_path / "m"))
    tokens = backend.family.tokens
    turns = (("user", "Is it?"), ("assistant", "yes"), ("user", "Where?"))
    ids = backend.trace(Request("a", turns, (Picture(picture()),)), SETTINGS)[1]["input_ids"].tolist()
    after = tokens.encode("\nIs it? [/INST] yes </s>[INST] Where? [/INST]")
    assert ids == [1, *tokens.encode("[INST] "), -200, *after]


def test_v10_keeps_the_files_text_or_cleans_it(tmp_path: Path) -> None:
    originals.v10(tmp_path / "m")
    backend: Any = load(spec(tmp_path / "m"))
    tokens = backend.family.tokens
    run = "<im_start>" + "<im_patch>" * 4 + "<im_end>"
    system = backend.family.template.system
    text = "What?\n<image>"
    for form, kept, prompt in (("jsonl", text, text), ("vqa-json", "What?", "What?\n<image>")):
        request = ask(text, form)
        assert backend.prompt(request) == prompt
        expected = [1, *tokens.encode(f"{system}Human: {kept}\n{run}###")]
        assert backend.trace(request, SETTINGS)[1]["input_ids"].tolist() == expected
    assert backend.family.trim("###Assistant: yes###no", "jsonl") == "yes"
    assert backend.family.trim("Assistant: yes###no", "vqa-json") == "Assistant: yes"
    assert backend.prompt(Request("x", (("user", "What?"),), (), "vqa-json")) == "What?"


def test_delta_weights_and_their_base_make_the_target(tmp_path: Path) -> None:
    import torch

    weights = originals.v10(tmp_path / "target")
    shutil.copytree(tmp_path / "target", tmp_path / "delta")
    draw = torch.Generator().manual_seed(1)
    base, delta = {}, {}
    for name, one in weights.items():
        if "mm_projector" in name:
            delta[name] = one
            continue
        rows = one.shape[0] - 4 if name in ("lm_head.weight", "model.embed_tokens.weight") else one.shape[0]
        base[name] = torch.randn(one[:rows].shape, generator=draw)
        delta[name] = one.clone()
        delta[name][:rows] -= base[name]
    originals.shards(tmp_path / "delta", delta, "bin")
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    originals.shards(tmp_path / "base", base, "safetensors")
    summed: Any = load(spec(tmp_path / "delta", base=str(tmp_path / "base")))
    target: Any = load(spec(tmp_path / "target"))
    for name, one in target.family.model.state_dict().items():
        assert torch.allclose(summed.family.model.state_dict()[name], one, atol=1e-5), name
    originals.shards(tmp_path / "base", {"other": base["lm_head.weight"]}, "safetensors")
    with pytest.raises(SetupError, match="lacks weights"):
        load(spec(tmp_path / "delta", base=str(tmp_path / "base")))


def test_a_prompt_is_cut_where_the_authors_cut_it(tmp_path: Path) -> None:
    originals.v15(tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    (tmp_path / "m" / "config.json").write_text(json.dumps(config | {"tokenizer_model_max_length": 30}))
    backend = load(spec(tmp_path / "m"))
    assert backend.count_tokens(ask("organ " * 40)) == 30


class Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (exec, ("raise SystemExit('a pickle ran code')",))


def broken(folder: Path, how: str) -> ModelSpec:
    originals.v15(folder, kind="bin" if how == "code" else "safetensors")
    shard = folder / "model-00002-of-00002.safetensors"
    if how == "corrupt":
        shard.write_bytes(shard.read_bytes()[:1000])
    elif how == "lost":
        shard.unlink()
    elif how == "code":
        (folder / "pytorch_model-00001-of-00002.bin").write_bytes(pickle.dumps({"lm_head.weight": Bomb()}))
    elif how == "few":
        index = folder / "model.safetensors.index.json"
        places = json.loads(index.read_text())["weight_map"]
        first = {n: f for n, f in places.items() if "00001" in f}
        index.write_text(json.dumps({"metadata": {}, "weight_map": first}))
    elif how == "config":
        (folder / "config.json").write_text("{broken")
    elif how == "empty":
        (folder / "config.json").unlink()
    elif how == "tower":
        shutil.rmtree(folder / "vision_tower")
    elif how == "tokenizer":
        (folder / "tokenizer.model").write_bytes(b"nothing")
    elif how == "unknown":
        (folder / "config.json").write_text('{"model_type": "never_heard_of"}')
    return spec(folder)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("corrupt", "damaged"),
        ("lost", "shard"),
        ("code", "damaged|cannot be loaded"),
        ("few", "missing"),
        ("config", "config.json cannot be read"),
        ("empty", "no config.json"),
        ("tower", "no model folder"),
        ("tokenizer", "tokenizer.model"),
        ("unknown", "architecture"),
    ],
)
def test_what_is_broken_is_named(tmp_path: Path, how: str, says: str) -> None:
    with pytest.raises(MedcliError, match=says) as told:
        load(broken(tmp_path / "m", how))
    assert told.value.exit_code in (2, 3)


def test_a_missing_model_and_an_adapter_are_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no model folder"):
        load(spec(tmp_path / "gone"))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(UsageError, match="adapter"):
        load(spec(tmp_path))


def test_model_ids_are_the_authors() -> None:
    assert llava_med.model_id("microsoft/llava-med-v1.5-mistral-7b") == "llava-med-v1.5-mistral-7b"
    assert llava_med.model_id("/runs/tuned/checkpoint-200/") == "tuned_checkpoint-200"
