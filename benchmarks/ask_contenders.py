"""What answers questions in one process: medcli's engine, and what people write with transformers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.ask_sets import Asked

NEW = 16
_BATCH = 22  # of the batches tried on 2 cores (1, 4, 11, 22) the fastest


class Plain:
    """transformers: a loop, or batches of questions of like length."""

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor

        self.model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
        self.processor = AutoProcessor.from_pretrained(folder)

    def answer(self, asked: Sequence[Asked]) -> list[list[int]]:
        """Tokens of a batch."""
        import torch
        from PIL import Image

        prompts = [
            self.processor.apply_chat_template(
                [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": one.text}]}],
                tokenize=False,
                add_generation_prompt=True,
            )
            for one in asked
        ]
        images = [[Image.open(one.image)] for one in asked]
        inputs = self.processor(text=prompts, images=images, padding=True, return_tensors="pt")
        with torch.inference_mode():
            told = self.model.generate(**inputs, do_sample=False, max_new_tokens=NEW, min_new_tokens=NEW)
        tokens: list[list[int]] = told[:, inputs["input_ids"].shape[1] :].tolist()
        return tokens

    def one_by_one(self, asked: Sequence[Asked]) -> list[list[int]]:
        """Tokens, a question at a time."""
        return [self.answer([one])[0] for one in asked]

    def sorted_batches(self, asked: Sequence[Asked]) -> list[list[int]]:
        """Tokens, in batches of questions of like length."""
        order = sorted(range(len(asked)), key=lambda n: len(asked[n].text))
        found: dict[int, list[int]] = {}
        for at in range(0, len(order), _BATCH):
            some = order[at : at + _BATCH]
            found |= dict(zip(some, self.answer([asked[n] for n in some]), strict=True))
        return [found[n] for n in range(len(asked))]


class Ours:
    """medcli's engine, and how much of its time the model takes."""

    def __init__(self, folder: Path) -> None:
        from medcli.models import ModelSpec, Sampling, load

        self.backend: Any = load(ModelSpec(str(folder), dtype="float32", device="cpu"))
        self.settings = Sampling(max_new_tokens=NEW, min_new_tokens=NEW, path="prefix")
        self.ids: dict[str, list[int]] = {}
        self.inside = self.whole = 0.0
        self._watch()

    def _watch(self) -> None:
        runner, model = self.backend.runner, self.backend.family.model
        reply, forward = runner.reply, model.forward

        def replied(request: Any, row: Any, answer: Any) -> Any:
            self.ids[request.key] = list(answer.ids)
            return reply(request, row, answer)

        def run(*given: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return forward(*given, **named)
            finally:
                self.inside += time.perf_counter() - start

        runner.reply, model.forward = replied, run

    def answer(self, asked: Sequence[Asked]) -> list[list[int]]:
        """Tokens, in chunks of at most 64 rows of whole image groups, as `medcli ask` deals them."""
        from medcli.models import Picture, Request

        start = time.perf_counter()
        dealt = _chunks(asked)
        requests = [
            [Request(str(n), (("user", asked[n].text),), (Picture(asked[n].image),)) for n in some]
            for some in dealt
        ]
        for at, some in enumerate(requests):
            self.backend.ahead([*some, *(requests[at + 1] if at + 1 < len(requests) else [])])
            list(self.backend.generate(some, self.settings))
        self.whole += time.perf_counter() - start
        return [self.ids[str(n)] for n in range(len(asked))]


def _chunks(asked: Sequence[Asked]) -> list[list[int]]:
    groups: dict[Path, list[int]] = {}
    for number, one in enumerate(asked):
        groups.setdefault(one.image, []).append(number)
    dealt: list[list[int]] = [[]]
    for group in groups.values():
        if len(dealt[-1]) + len(group) > 64:
            dealt.append([])
        dealt[-1] += group
    return dealt
