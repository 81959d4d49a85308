"""What a plan will take, for ``--dry-run``: prompt template and memory, from a model's config alone.

Loads nothing and fetches nothing. What the config does not say stays unsaid.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from medcli.ask.plan import Plan
from medcli.ask.planning import CHUNK_ROWS
from medcli.ask.rendering import PICTURE_TOKENS
from medcli.ask.spec import AskSpec

_WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2}
_WEIGHTS = (".safetensors", ".bin")
_PROMPT_TOKENS = 64  # beside pictures and answer; what published questions take at most


def outline(spec: AskSpec, opened: Plan) -> dict[str, Any]:
    """Return counts of the plan, and of the model what is known here.

    Returns
    -------
    dict
        ``plan``; ``template``; and where the model's folder is at hand ``weights_bytes``, ``bytes_per_token`` (KV
        cache of one token of one row) and ``chunk_bytes`` (KV cache of a full chunk with the longest answers).
    """
    facts: dict[str, Any] = {"plan": opened.count(), "template": spec.template}
    folder = _folder(spec.model) if spec.backend == "transformers" else None
    if folder is None:
        return facts
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if spec.template == "auto":
        facts["template"] = _template(settings)
    facts["weights_bytes"] = sum(
        path.stat().st_size for path in folder.iterdir() if path.name.endswith(_WEIGHTS)
    )
    each = _bytes_per_token(settings, "float32" if spec.deterministic else spec.dtype)
    if each:
        row = _PROMPT_TOKENS + spec.max_new_tokens + PICTURE_TOKENS * bool(opened.count()["pictures"])
        facts |= {"bytes_per_token": each, "chunk_bytes": each * row * CHUNK_ROWS}
    return facts


def rows_of(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Lay an outline out for people."""
    rows = [(name.replace("_", " "), f"{count:,}") for name, count in facts["plan"].items()]
    rows.append(("template", facts["template"]))
    for name, label in (("weights_bytes", "weights, GiB"), ("chunk_bytes", "cache of a full chunk, GiB")):
        if name in facts:
            rows.append((label, f"{facts[name] / 2**30:,.2f}"))
    return rows


def _folder(model: str) -> Path | None:
    """Return a model's folder, or its snapshot in the Hub's cache."""
    if (Path(model) / "config.json").is_file():
        return Path(model)
    try:
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(model, "config.json")
    except Exception:  # noqa: BLE001 - not installed, or the name is no Hub id: then there is nothing to say
        return None
    return Path(found).parent if isinstance(found, str) else None


def _template(settings: dict[str, Any]) -> str:
    from medcli.models import llava_med

    known = {llava_med.V15: "mistral_instruct", llava_med.V10: "simple"}
    return known.get(llava_med.version(settings), "chat-template")


def _bytes_per_token(settings: dict[str, Any], dtype: str) -> int:
    """Return the KV cache's bytes for one token, keys and values of all layers; 0 if the config does not tell."""
    text = settings.get("text_config") or settings
    layers, heads = text.get("num_hidden_layers"), text.get("num_attention_heads")
    if not layers or not heads or not text.get("hidden_size"):
        return 0
    width = text.get("head_dim") or text["hidden_size"] // heads
    stored = settings.get("dtype") or settings.get("torch_dtype") or text.get("dtype") or "float32"
    size = _WIDTHS.get(stored if dtype == "auto" else dtype, 4)
    return int(2 * layers * (text.get("num_key_value_heads") or heads) * width * size)
