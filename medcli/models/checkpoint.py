"""A model's folder: found or fetched, its configs, single tensors, whole sums of deltas. Knows files of weights.

Weights are only ever read as weights: pickles with ``weights_only``. Refuses to know what a model does with them.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from medcli.errors import MissingExtra, SetupError

if TYPE_CHECKING:
    from torch import Tensor

_SMALL = ("*.json", "*.txt", "*.model", "*.jinja", "*.py")
_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_SINGLES = ("model.safetensors", "pytorch_model.bin")


def need(*packages: str) -> None:
    """Check that packages of the extra 'ask' are installed, without loading them."""
    from importlib.util import find_spec

    if any(find_spec(package) is None for package in packages):
        raise MissingExtra("ask", "running a model")


def locate(model: str, *, inside: Path | None = None, weights: bool = True) -> Path:
    """Folder of a model that is named by path or Hub id.

    Parameters
    ----------
    inside : Path, optional
        A folder that a relative name is looked for in first (a checkpoint's own tower).
    weights : bool
        Whether a Hub model's weights are wanted, beside its configs.

    Raises
    ------
    SetupError
        If it is nowhere.
    """
    for folder in ([inside / model] if inside else []) + [Path(model).expanduser()]:
        if folder.is_dir():
            if not (folder / "config.json").is_file():
                raise SetupError(
                    f"The folder '{model}' holds no model: it has no config.json.",
                    hint="Give the folder that the model's files lie in, or a Hub id.",
                )
            return folder
    if model.startswith((".", "/", "~")) or model.count("/") != 1 or Path(model).exists():
        raise SetupError(f"There is no model folder '{model}'.", hint="Check --model: a folder or a Hub id.")
    return _fetch(model, weights=weights)


def _fetch(model: str, *, weights: bool) -> Path:
    need("huggingface_hub")
    from huggingface_hub import snapshot_download

    def get(*patterns: str) -> Path:
        try:
            return Path(snapshot_download(model, allow_patterns=list(patterns)))
        except Exception as error:  # noqa: BLE001 - the Hub's client raises many kinds, all meaning "not to be had"
            raise SetupError(
                f"The model '{model}' is neither a folder here nor to be had from the Hugging Face Hub "
                f"({type(error).__name__}).",
                hint="Check the name, the network and your access (HF_TOKEN), or give a folder.",
            ) from None

    folder = get(*_SMALL, *(["*.safetensors"] if weights else []))
    if weights and not any(folder.glob("*.safetensors")):
        get("*.bin")
    return folder


def config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """Read one of a folder's JSON files; empty where there is none.

    Raises
    ------
    SetupError
        If it is not a JSON object.
    """
    path = folder / name
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict):
        raise SetupError(f"The model's {name} cannot be read.", hint="Fetch the model again.")
    return content


def names(folder: Path) -> dict[str, Path]:
    """Names of all tensors and the file that each lies in.

    Raises
    ------
    SetupError
        If there are no weights, or a shard is missing.
    """
    for index in _INDEXES:
        listed = config(folder, index).get("weight_map")
        if listed:
            places = {str(name): folder / str(file) for name, file in listed.items()}
            if not all(path.is_file() for path in set(places.values())):
                raise SetupError("A shard of the model's weights is missing.", hint="Fetch the model again.")
            return places
    for single in _SINGLES:
        if (folder / single).is_file():
            return dict.fromkeys(_names_in(folder / single), folder / single)
    raise SetupError(
        "The model's folder holds no weights.", hint="It needs *.safetensors or pytorch_model*.bin."
    )


def _names_in(path: Path) -> list[str]:
    with _opened(path) as tensors:
        return list(tensors.keys())


def tensors(folder: Path, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors whose names are wanted, one shard open at a time."""
    places = names(folder)
    for path in sorted({path for name, path in places.items() if wanted(name)}):
        with _opened(path) as shard:
            for name in shard.keys():  # noqa: SIM118 - a safetensors handle is no mapping
                if wanted(name):
                    yield name, shard.get_tensor(name)


class _Pickled:
    """A .bin shard with the face of a safetensors handle."""

    def __init__(self, path: Path) -> None:
        import torch

        try:
            self._tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:  # written before torch 1.6, which cannot be mapped
            self._tensors = torch.load(path, map_location="cpu", weights_only=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tensors = {}

    def keys(self) -> list[str]:
        return list(self._tensors)

    def get_tensor(self, name: str) -> Tensor:
        found: Tensor = self._tensors[name]
        return found


def _opened(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            from safetensors import safe_open

            return safe_open(path, framework="pt")
        return _Pickled(path)
    except Exception as error:
        raise unreadable() from error


def unreadable() -> SetupError:
    """What is raised for damaged weights."""
    return SetupError(
        "The model's weights cannot be read: a file is damaged or incomplete.", hint="Fetch the model again."
    )


def with_base(delta: Path, base: Path, dtype: Any) -> dict[str, Tensor]:
    """Add delta weights to their base: the target's tensors.

    Where shapes differ (rows of added tokens) only the base's corner is added; a name that the base lacks must be the
    projector's.

    Raises
    ------
    SetupError
        If the two don't belong together.
    """
    target: dict[str, Tensor] = {}
    with contextlib.ExitStack() as shards:
        places = names(base)
        opened = {path: shards.enter_context(_opened(path)) for path in set(places.values())}
        for name, change in tensors(delta):
            if name in places:
                whole = _sum(change, opened[places[name]].get_tensor(name))
            elif "mm_projector" in name or "rotary_emb" in name:
                whole = change
            else:
                raise SetupError("The base model lacks weights that the delta changes.", hint="Check --base.")
            target[name] = whole.to(whole.dtype if dtype is None else dtype)
    return target


def _sum(change: Tensor, own: Tensor) -> Tensor:
    if own.dim() != change.dim() or any(a > b for a, b in zip(own.shape, change.shape, strict=True)):
        raise SetupError("The delta weights do not fit the base model.", hint="Check --base.")
    whole = change.clone()
    whole[tuple(slice(0, size) for size in own.shape)] += own.to(whole.dtype)
    return whole


def check_loaded(report: Mapping[str, Any], *, may_lack: Callable[[str], bool] = lambda _: False) -> None:
    """Refuse a model whose weights were not all there.

    Raises
    ------
    SetupError
        If a tensor is missing or has another shape.
    """
    lacking = [name for name in report.get("missing_keys", ()) if not may_lack(name)]
    if lacking or report.get("mismatched_keys"):
        raise SetupError(
            "The model's weights do not fit its config: "
            f"{len(lacking)} are missing, {len(report.get('mismatched_keys') or ())} have another shape.",
            hint="Fetch the model again, or check that --model and --base belong together.",
        )
