"""Tiny models, made once a test run."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.models import tiny

NAMES = ["llava", "llava-next", "gemma3", "qwen2.5-vl", "internvl", "idefics3"]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        return  # the tests that need them skip themselves
    import torch
    import transformers

    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Callable[[str], Path]:
    folders: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in folders:
            folders[name] = tiny.MAKERS[name](tmp_path_factory.mktemp(name.replace(".", "")))
        return folders[name]

    return make
