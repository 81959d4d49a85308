"""Questions a second of the engine, beside a one-by-one loop and length-sorted batches of plain transformers.

A 60-million-parameter LLaVA with random weights (336 pixels, 576 image tokens) is made on the spot. 110 questions on 10
images, 16 forced tokens, start-up excluded, median of interleaved rounds; and 40 questions on 40 images. The tokens of
all three must be the same.

    python benchmarks/bench_ask.py [--rounds 5] [--threads 2] [--scale 1.0]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from medcli.models import ModelSpec, Picture, Request, Sampling, load
from tests.unit.models import tiny

NEW = 16
PLAIN_BATCH = 22
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


def model(folder: Path) -> Path:
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    torch.manual_seed(0)
    words = tiny.tokenizer(["<image>", "<|user|>", "<|assistant|>", "<|system|>"])
    vision = CLIPVisionConfig(
        hidden_size=384,
        intermediate_size=1536,
        num_hidden_layers=12,
        num_attention_heads=6,
        image_size=336,
        patch_size=14,
        projection_dim=64,
    )
    text = LlamaConfig(
        vocab_size=len(words),
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=10,
        num_attention_heads=8,
        num_key_value_heads=8,
        max_position_embeddings=4096,
        initializer_range=0.1,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=words.convert_tokens_to_ids("<image>")
    )
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(
            size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}
        ),
        tokenizer=words,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<image>",
        chat_template=tiny.TEMPLATE.replace("%IMAGE%", "<image>"),
    )
    return tiny.save(LlavaForConditionalGeneration(config), processor, folder)


def questions(folder: Path, count: int, images: int) -> list[tuple[Path, str]]:
    draw = np.random.default_rng(0)
    paths = []
    for number in range(images):
        paths.append(folder / f"{images}-{number}.png")
        Image.fromarray(draw.integers(0, 255, (336, 336, 3), dtype=np.uint8)).save(paths[-1])
    texts = [" ".join(draw.choice(WORDS, draw.integers(4, 16))) + "?" for _ in range(count)]
    return [(paths[n % images], text) for n, text in enumerate(texts)]


class Peer:
    """What people write with transformers."""

    def __init__(self, folder: Path) -> None:
        self.model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
        self.processor = AutoProcessor.from_pretrained(folder)

    def answer(self, asked: list[tuple[Path, str]]) -> list[list[int]]:
        messages = [
            [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]
            for _, text in asked
        ]
        prompts = [
            self.processor.apply_chat_template(m, tokenize=False, add_generation_prompt=True)
            for m in messages
        ]
        images = [[Image.open(path)] for path, _ in asked]
        inputs = self.processor(text=prompts, images=images, padding=True, return_tensors="pt")
        with torch.inference_mode():
            told = self.model.generate(**inputs, do_sample=False, max_new_tokens=NEW, min_new_tokens=NEW)
        return told[:, inputs["input_ids"].shape[1] :].tolist()

    def one_by_one(self, asked: list[tuple[Path, str]]) -> list[list[int]]:
        return [self.answer([one])[0] for one in asked]

    def sorted_batches(self, asked: list[tuple[Path, str]]) -> list[list[int]]:
        order = sorted(range(len(asked)), key=lambda n: len(asked[n][1]))
        found: dict[int, list[int]] = {}
        for at in range(0, len(order), PLAIN_BATCH):
            some = order[at : at + PLAIN_BATCH]
            found |= dict(zip(some, self.answer([asked[n] for n in some]), strict=True))
        return [found[n] for n in range(len(asked))]


class Ours:
    def __init__(self, folder: Path, path: str) -> None:
        self.backend: Any = load(ModelSpec(str(folder), dtype="float32", device="cpu"))
        self.settings = Sampling(max_new_tokens=NEW, min_new_tokens=NEW, path=path)
        self.ids: dict[str, list[int]] = {}
        runner, real = self.backend.runner, self.backend.runner.reply

        def reply(request: Request, row: Any, answer: Any) -> Any:
            self.ids[request.key] = list(answer.ids)
            return real(request, row, answer)

        runner.reply = reply

    def answer(self, asked: list[tuple[Path, str]]) -> list[list[int]]:
        """In chunks of at most 64 rows of whole image groups, as `medcli ask` deals them."""
        order = sorted(range(len(asked)), key=lambda n: (str(asked[n][0]), n))
        groups: list[list[int]] = [[]]
        for n in order:
            if len(groups[-1]) >= 55 and asked[groups[-1][-1]][0] != asked[n][0]:
                groups.append([])
            groups[-1].append(n)
        for some in groups:
            requests = [Request(str(n), (("user", asked[n][1]),), (Picture(asked[n][0]),)) for n in some]
            list(self.backend.generate(requests, self.settings))
        return [self.ids[str(n)] for n in range(len(asked))]


def measure(
    name: str, asked: list[tuple[Path, str]], ways: dict[str, Callable[..., Any]], rounds: int
) -> None:
    wall: dict[str, list[float]] = {way: [] for way in ways}
    cpu: dict[str, list[float]] = {way: [] for way in ways}
    tokens: dict[str, Any] = {}
    for _ in range(rounds):
        for way, run in ways.items():
            start, used = time.perf_counter(), time.process_time()
            tokens[way] = run(asked)
            wall[way].append(time.perf_counter() - start)
            cpu[way].append(time.process_time() - used)
    same = all(one == tokens["one by one"] for one in tokens.values())
    print(f"{name}; the same tokens: {'yes' if same else 'NO'}")
    for title, seconds in (
        ("wall", wall),
        ("CPU", cpu),
    ):  # CPU time is what a shared machine can be judged by
        middle = {way: statistics.median(took) for way, took in seconds.items()}
        for way, took in middle.items():
            print(
                f"  {title:4} {way:15} {took:7.2f} s  {len(asked) / took:6.2f} questions/s  "
                f"{middle['one by one'] / took:5.2f} x one by one  {middle['sorted batches'] / took:5.2f} x sorted batches",
                flush=True,
            )


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--threads", type=int, default=0)
    options.add_argument("--scale", type=float, default=1.0)
    chosen = options.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint = model(folder / "model")
        peer, ours = Peer(checkpoint), Ours(checkpoint, "prefix")
        size = sum(one.numel() for one in peer.model.parameters()) / 1e6
        print(f"{size:.0f} M parameters, {torch.get_num_threads()} threads, float32, {NEW} forced tokens")
        ways = {"one by one": peer.one_by_one, "sorted batches": peer.sorted_batches, "medcli": ours.answer}
        count = max(1, round(10 * chosen.scale))
        measure(
            f"{11 * count} questions on {count} images",
            questions(folder, 11 * count, count),
            ways,
            chosen.rounds,
        )
        many = max(2, round(40 * chosen.scale))
        measure(f"{many} questions on {many} images", questions(folder, many, many), ways, chosen.rounds)


if __name__ == "__main__":
    main()
