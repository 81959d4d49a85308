"""Options that say nothing, or contradict each other, are named where they were typed."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from medcli.ask.modes import idle
from medcli.ask.processes import processes_of
from medcli.ask.spec import AskSpec
from medcli.errors import UsageError

FILE = {"questions": Path("q.jsonl"), "output": Path("a.jsonl")}
SERVER = {"backend": "openai", "base_url": ("http://127.0.0.1:1/v1",)}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"output": Path("a")}, "--output belongs to --questions."),
        ({"shard": (0, 2)}, "--shard belongs to --questions."),
        ({"suffix": ("OPEN=x",)}, "--suffix belongs to --questions."),
        ({"dry_run": True}, "--dry-run belongs to --questions."),
        ({"retry_failed": True}, "--retry-failed belongs to --questions."),
        ({"engine": "prefix"}, "--engine belongs to --questions."),
        ({"concurrency": 3}, "--concurrency belongs to"),
        ({"timeout": 3.0}, "--timeout belongs to --backend openai."),
        ({"base_url": ("http://a",)}, "--base-url belongs to --backend openai."),
        ({**FILE, "question": "What?"}, "QUESTION does not go with --questions."),
        ({**FILE, "image": (Path("a.png"),)}, "--image does not go with --questions."),
        ({**FILE, "restart": True, "retry_failed": True}, "--retry-failed says nothing beside --restart."),
        ({**FILE, "concurrency": 3}, "--concurrency belongs to --backend openai."),
        ({**FILE, **SERVER, "devices": "cpu"}, "--devices says nothing to --backend openai."),
        ({**FILE, **SERVER, "deterministic": True}, "--deterministic says nothing to --backend openai."),
        ({**SERVER, "trace": Path("t")}, "--trace says nothing to --backend openai."),
        ({**SERVER, "quantize": "4bit"}, "--quantize says nothing to --backend openai."),
        ({"export_hf": Path("e"), "question": "What?"}, "QUESTION says nothing to --export-hf."),
        ({"export_hf": Path("e"), **FILE}, "--output says nothing to --export-hf."),
        ({"questions": Path("q")}, "--questions needs --output."),
        ({"backend": "openai"}, "--backend openai needs --base-url."),
        ({"backend": "openai", "base_url": ("host:80",)}, "--base-url begins with"),
        ({**FILE, "suffix": ("x",)}, "--suffix is OPEN=TEXT or CLOSED=TEXT."),
        ({**FILE, "suffix": ("OPEN=a", "OPEN=b")}, "--suffix stands twice"),
        ({"deterministic": True, "dtype": "float16"}, "--deterministic computes in float32."),
        ({"min_new_tokens": 9, "max_new_tokens": 8}, "--min-new-tokens is above"),
        ({"devices": "gpu"}, "--devices is auto, or a list"),
        ({"devices": "cuda:0,0"}, "--devices is auto, or a list"),
        ({"devices": ""}, "--devices is auto, or a list"),
        ({"split": True, "devices": "cuda:0,cuda:1"}, "--split is one process"),
        ({**FILE, "split": True, "workers": 2}, "--split is one process"),
        ({**FILE, "workers": 2, "devices": "cuda:0"}, "--workers counts processes on the CPU"),
    ],
)
def test_what_says_nothing_is_refused_by_name(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as told:
        AskSpec(**options)
    assert told.value.message.startswith(words)


@pytest.mark.parametrize(
    "options",
    [
        {},
        FILE,
        SERVER,
        {**FILE, **SERVER},
        {"export_hf": Path("e")},
        {"questions": Path("q"), "dry_run": True},
    ],
)
def test_every_mode_stands_by_itself(options: dict[str, Any]) -> None:
    AskSpec(**options)


def test_idle_names_fields_that_there_are() -> None:
    known = {field.name for field in fields(AskSpec)}
    plain = {field.name: field.default for field in fields(AskSpec)}
    for options in ({}, FILE, SERVER, {"export_hf": Path("e")}):
        assert idle(plain | options).keys() <= known


def test_processes_follow_devices() -> None:
    def devices(**options: Any) -> list[tuple[str, int]]:
        return [(one.device, one.threads) for one in processes_of(AskSpec(**FILE, **options))]

    assert devices(devices="0,cuda:2") == [("cuda:0", 0), ("cuda:2", 0)]
    two = devices(devices="cpu", workers=2)
    assert [device for device, _ in two] == ["cpu", "cpu"]
    assert two[0][1] >= 1
    assert devices(split=True) == [("auto", 0)]
