"""A model and questions to measure `ask` with, made on the spot.

The model is a 57-million-parameter LLaVA with random weights: 336 pixels, 576 image tokens. A tiny one serves where
only start-up is measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' }}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}{{ '<image>\\n' }}{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
    "{{ '</s>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
WORDS = [
    "the",
    "left",
    "right",
    "upper",
    "lower",
    "lobe",
    "nodule",
    "fracture",
    "organ",
    "plane",
    "modality",
    "visible",
    "shown",
    "where",
    "is",
    "there",
    "any",
]
LARGE = {
    "image": 336,
    "vision": {"hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 12},
    "vision_heads": 6,
    "text": {"hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 10},
    "text_heads": 8,
}
TINY = {
    "image": 56,
    "vision": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3},
    "vision_heads": 4,
    "text": {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2},
    "text_heads": 4,
}


class Asked(NamedTuple):
    """One question: its picture and its text."""

    image: Path
    text: str


def model(folder: Path, sizes: dict[str, Any]) -> Path:
    """Save a LLaVA with random weights, its processor and its chat template."""
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    torch.manual_seed(0)
    processor = _processor(sizes["image"])
    words = processor.tokenizer
    vision = CLIPVisionConfig(
        **sizes["vision"],
        num_attention_heads=sizes["vision_heads"],
        image_size=sizes["image"],
        patch_size=14,
        projection_dim=64,
    )
    text = LlamaConfig(
        **sizes["text"],
        num_attention_heads=sizes["text_heads"],
        vocab_size=len(words),
        max_position_embeddings=4096,
        initializer_range=0.1,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=words.convert_tokens_to_ids("<image>")
    )
    made = LlavaForConditionalGeneration(config)
    made.generation_config.eos_token_id, made.generation_config.pad_token_id = 2, 0
    made.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _processor(size: int) -> Any:
    from transformers import CLIPImageProcessor, LlavaProcessor

    pictures = CLIPImageProcessor(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
    return LlavaProcessor(
        image_processor=pictures,
        tokenizer=_tokenizer(),
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<image>",
        chat_template=TEMPLATE,
    )


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>", "<image>", "<|user|>", "<|assistant|>", "<|system|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    raw.train_from_iterator([" ".join(WORDS)], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        padding_side="left",
        model_max_length=4096,
    )


def questions(folder: Path, count: int, images: int) -> list[Asked]:
    """Questions of 4 to 15 words in random order on noise pictures; each picture gets equally many."""
    import numpy as np
    from PIL import Image

    draw = np.random.default_rng(0)
    paths = [folder / f"{images}-{number}.png" for number in range(images)]
    for path in paths:
        Image.fromarray(draw.integers(0, 255, (336, 336, 3), dtype=np.uint8)).save(path)
    texts = [" ".join(draw.choice(WORDS, draw.integers(4, 16))) + "?" for _ in range(count)]
    return [Asked(paths[n % images], text) for n, text in enumerate(texts)]


def written(asked: list[Asked], path: Path) -> Path:
    """Write questions as LLaVA-Med's JSON lines."""
    rows = [
        {"question_id": n, "image": one.image.name, "text": f"{one.text}\n<image>"}
        for n, one in enumerate(asked)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
