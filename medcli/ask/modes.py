"""Which options say something to one question, to a file of them, to an export and to a server; and what contradicts.

An option that a mode does not use is refused where it was typed, and passed over where the environment or the
settings file brought it (``medcli.commands.options``). Knows names and values; refuses to open files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from medcli.ask.processes import is_list
from medcli.jobs import choice

if TYPE_CHECKING:
    from medcli.ask.spec import AskSpec

SUFFIX = re.compile(r"(OPEN|CLOSED)=(.+)", re.DOTALL)

_OF_RAY = ["ray_address", "ray_workers", "ray_cpus", "ray_gpus"]
_OF_FILES = [
    "images",
    "output",
    "suffix",
    "limit",
    "dry_run",
    "shard",
    "engine",
    "batch_tokens",
    "workers",
    "runner",
    *_OF_RAY,
    "concurrency",
    "state",
    "retry_failed",
    "restart",
]
_OF_LOADING = [
    "template",
    "vision_weights",
    "padding",
    "base",
    "adapter",
    "quantize",
    "dtype",
    "deterministic",
    "attention",
    "engine",
    "batch_tokens",
    "devices",
    "split",
    "workers",
    "trust_remote_code",
    "captioner",
    "captioner_chart",
    "trace",
]
_OF_ANSWERS = [
    "question",
    "image",
    "window",
    "frame",
    "questions",
    "no_image",
    "temperature",
    "top_p",
    "max_new_tokens",
    "min_new_tokens",
    "seed",
    "gate",
    "gate_pixels",
    "detector",
    "trust_host",
    "vault",
    "trace",
    "template",
    "padding",
    "deterministic",
    "attention",
    "devices",
    "captioner",
    "captioner_chart",
    "base_url",
    "timeout",
]


def mode_of(values: Mapping[str, Any]) -> str:
    """Name what is wanted: the option that decides it, or nothing for one question."""
    return "--export-hf" if values["export_hf"] else "--questions" if values["questions"] else ""


def idle(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the options that say nothing beside the others, and the words for why.

    Parameters
    ----------
    values : mapping
        All options' values, by their names in the Spec.
    """
    found: dict[str, str] = {}
    mode, openai = mode_of(values), values["backend"] == "openai"
    if mode == "--export-hf":
        found |= dict.fromkeys([*_OF_FILES, *_OF_ANSWERS], "says nothing to --export-hf")
    elif mode == "--questions":
        found |= dict.fromkeys(("question", "image"), "does not go with --questions")
        found["vault"] = "belongs to one question: a file's rows have vaults of their own"
        found |= {"retry_failed": "says nothing beside --restart"} if values["restart"] else {}
    else:
        found |= dict.fromkeys(_OF_FILES, "belongs to --questions")
    found |= choice.idle(values)
    if openai:
        found |= dict.fromkeys([*_OF_LOADING, "ray_gpus"], "says nothing to --backend openai")
    else:
        found |= dict.fromkeys(("base_url", "concurrency", "timeout"), "belongs to --backend openai")
    return found


def contradictions(spec: AskSpec) -> Iterator[tuple[object, str, str]]:
    """Yield whether something is wrong, a sentence and a hint."""
    openai = spec.backend == "openai"
    yield (
        spec.questions and not spec.export_hf and not (spec.output or spec.dry_run),
        "--questions needs --output.",
        "Name the file that the answers go to.",
    )
    yield openai and not spec.base_url, "--backend openai needs --base-url.", "As http://127.0.0.1:8000/v1"
    yield (
        not all(_is_address(url) for url in spec.base_url),
        "--base-url begins with http:// or https://, and names a host.",
        "As http://127.0.0.1:8000/v1",
    )
    yield (
        any("@" in url.partition("//")[2].partition("/")[0] for url in spec.base_url),
        "--base-url holds a user or a password, which others could read.",
        "Leave it out, and set MEDCLI_API_KEY, or MEDCLI_API_KEY_FILE.",
    )
    yield not math.isfinite(spec.temperature), "--temperature is a number, from 0.", ""
    yield (
        any(not SUFFIX.fullmatch(text) for text in spec.suffix),
        "--suffix is OPEN=TEXT or CLOSED=TEXT.",
        "As --suffix 'CLOSED=Please choose from: [yes, no].'",
    )
    yield (
        len({text.partition("=")[0] for text in spec.suffix}) < len(spec.suffix),
        "--suffix stands twice for one answer type.",
        "One text for OPEN and one for CLOSED.",
    )
    yield (
        spec.deterministic and (spec.dtype not in ("auto", "float32") or spec.quantize),
        "--deterministic computes in float32.",
        "Leave out --dtype and --quantize.",
    )
    yield (
        spec.gate == "off" and (spec.detector or spec.vault or spec.gate_pixels != "auto"),
        "--gate off leaves nothing for --detector, --vault and --gate-pixels.",
        "Leave them out.",
    )
    yield spec.min_new_tokens > spec.max_new_tokens, "--min-new-tokens is above --max-new-tokens.", ""
    yield from _of_devices(spec)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port beyond 65535, half a bracket
        return False


def _of_devices(spec: AskSpec) -> Iterator[tuple[object, str, str]]:
    yield (
        not is_list(spec.devices),
        "--devices is auto, or a list of different devices.",
        "As cpu, cuda:0 or cuda:0,cuda:1",
    )
    yield (
        spec.runner == "ray" and (spec.workers > 1 or spec.devices not in ("auto", "cpu")),
        "--devices and --workers are for this machine.",
        "On a cluster, say --ray-workers, --ray-cpus and --ray-gpus.",
    )
    yield (
        spec.runner == "ray" and spec.ray_address.startswith("ray://"),
        *choice.NO_CLIENT,
    )
    yield (
        spec.split and (spec.devices != "auto" or spec.workers > 1),
        "--split is one process that takes every device it sees.",
        "Leave out --devices and --workers; CUDA_VISIBLE_DEVICES chooses what it sees.",
    )
    yield (
        spec.workers > 1 and spec.devices not in ("auto", "cpu"),
        "--workers counts processes on the CPU; on GPUs there is one for each of --devices.",
        "Leave out one of the two.",
    )
