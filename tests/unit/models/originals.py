"""LLaVA-Med checkpoints in their authors' layouts, with random weights, from a description of those layouts."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

WORDS = (
    "What is the organ in the image? Is there a mass in the left brain? Please answer yes or no. Describe the "
    "following image in detail. A chat between a curious human and an artificial intelligence assistant. [INST] "
    "Human: Assistant: Hi! ### the lung shows a nodule; a fracture of the rib.\n"
)
TOWER = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "image_size": 28,
    "patch_size": 14,
    "projection_dim": 16,
}
TEXT = {
    "vocab_size": 400,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 2048,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
}


def pieces(folder: Path) -> None:
    """A SentencePiece model of LLaMA's kind."""
    from sentencepiece import SentencePieceTrainer

    stream = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter([WORDS] * 20),
        model_writer=stream,
        vocab_size=360,
        model_type="bpe",
        byte_fallback=True,
        character_coverage=1.0,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        hard_vocab_limit=False,
        minloglevel=2,
        num_threads=1,
    )
    (folder / "tokenizer.model").write_bytes(stream.getvalue())


def tower(folder: Path, seed: int) -> Any:
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModel

    torch.manual_seed(seed)
    made = CLIPVisionModel(CLIPVisionConfig(**TOWER))
    made.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": 28, "crop_size": 28}))
    return made


def v15(
    folder: Path,
    *,
    inside: bool = False,
    kind: str = "safetensors",
    projector: str = "mlp2x_gelu",
    seed: int = 0,
) -> dict[str, Any]:
    """Write a v1.5 checkpoint; return its tensors by their original names."""
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    folder.mkdir(parents=True)
    tower(folder / "vision_tower", seed + 100)
    torch.manual_seed(seed)
    weights = dict(MistralForCausalLM(MistralConfig(**TEXT)).state_dict())
    for name, one in projected(projector, TOWER["hidden_size"], TEXT["hidden_size"]).items():
        weights[f"model.mm_projector.{name}"] = one
    if inside:
        for name, one in tower(folder / "unused", seed + 200).state_dict().items():
            weights[f"model.vision_tower.vision_tower.vision_model.{name}"] = one
    config = TEXT | {
        "model_type": "llava_mistral",
        "architectures": ["LlavaMistralForCausalLM"],
        "rope_theta": 1000000.0,
        "image_aspect_ratio": "pad",
        "mm_hidden_size": 32,
        "mm_projector_type": projector,
        "mm_vision_select_layer": -2,
        "mm_vision_tower": "vision_tower",
        "mm_use_im_start_end": False,
        "tokenizer_model_max_length": 2048,
    }
    (folder / "config.json").write_text(json.dumps(config))
    special = {n: {"content": t, "special": True} for n, t in ((0, "<unk>"), (1, "<s>"), (2, "</s>"))}
    (folder / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": special}))
    pieces(folder)
    shards(folder, weights, kind)
    return weights


def v10(folder: Path, *, seed: int = 0) -> dict[str, Any]:
    """Write a v1.0 checkpoint; return its tensors by their original names."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True)
    tower(folder / "vision_tower", seed + 100)
    torch.manual_seed(seed)
    pieces(folder)
    names = ["[PAD]", "<im_patch>", "<im_start>", "<im_end>"]
    first = max(360, _size(folder))
    text = TEXT | {"vocab_size": first + 4, "num_key_value_heads": 4}
    weights = dict(LlamaForCausalLM(LlamaConfig(**text)).state_dict())
    for name, one in projected("linear", TOWER["hidden_size"], TEXT["hidden_size"]).items():
        weights[f"model.mm_projector.{name}"] = one
    config = text | {
        "model_type": "llava",
        "mm_hidden_size": 32,
        "mm_use_im_start_end": True,
        "mm_vision_select_layer": -2,
        "mm_vision_tower": "vision_tower",
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "added_tokens.json").write_text(json.dumps({one: first + n for n, one in enumerate(names)}))
    (folder / "special_tokens_map.json").write_text(json.dumps({"pad_token": "[PAD]"}))
    shards(folder, weights, "bin")
    return weights


def _size(folder: Path) -> int:
    from sentencepiece import SentencePieceProcessor

    return int(SentencePieceProcessor(model_file=str(folder / "tokenizer.model")).get_piece_size())


def projected(kind: str, width: int, out: int) -> dict[str, Any]:
    import torch

    if kind == "linear":
        return dict(torch.nn.Linear(width, out).state_dict())
    layers: list[Any] = [torch.nn.Linear(width, out)]
    for _ in range(int(re.match(r"mlp(\d)x", kind)[1]) - 1):  # type: ignore[index]
        layers += [torch.nn.GELU(), torch.nn.Linear(out, out)]
    return dict(torch.nn.Sequential(*layers).state_dict())


def shards(folder: Path, weights: dict[str, Any], kind: str) -> None:
    """Write tensors in two files and an index."""
    import torch
    from safetensors.torch import save_file

    stem, end = ("model", "safetensors") if kind == "safetensors" else ("pytorch_model", "bin")
    names = sorted(weights)
    places: dict[str, str] = {}
    for number, some in enumerate((names[::2], names[1::2]), 1):
        file = f"{stem}-0000{number}-of-00002.{end}"
        held = {name: weights[name].contiguous() for name in some}
        if kind == "safetensors":
            save_file(held, folder / file, metadata={"format": "pt"})
        else:
            torch.save(held, folder / file)
        places |= dict.fromkeys(some, file)
    (folder / f"{stem}.{end}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
