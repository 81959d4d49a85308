"""The towers and projectors of LLaVA-Med's original layouts, built from what a checkpoint holds or names.

Knows CLIP towers and how projectors are stored; refuses to know language models.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli.errors import SetupError
from medcli.models import checkpoint
from medcli.models.loading import loading
from medcli.models.padding import Clip

if TYPE_CHECKING:
    from medcli.models.loading import Placement

# What the configs of the towers that the authors name say, for a checkpoint that brings the weights itself.
_KNOWN_TOWERS = {
    "openai/clip-vit-large-patch14-336": 336,
    "openai/clip-vit-large-patch14": 224,
}


class Tower:
    """The CLIP tower that a checkpoint names: its config, its processor, and its folder if that is at hand."""

    def __init__(self, settings: dict[str, Any], folder: Path, *, weights: bool) -> None:
        from transformers import CLIPVisionConfig

        self.name = str(settings.get("mm_vision_tower") or settings.get("vision_tower") or "")
        if not self.name:
            raise SetupError("The model's config names no vision tower (mm_vision_tower).")
        if "BiomedCLIP" in self.name:
            raise SetupError(
                "The model's vision tower is BiomedCLIP, which transformers cannot load.",
                hint="Take a LLaVA-Med with a CLIP tower.",
            )
        self.folder: Path | None = None
        known = _KNOWN_TOWERS.get(self.name)
        if weights or known is None or (folder / self.name).is_dir():
            self.folder = checkpoint.locate(self.name, inside=folder, weights=weights)
            self.config = CLIPVisionConfig.from_pretrained(self.folder)
            self.clip = Clip.of(checkpoint.config(self.folder, "preprocessor_config.json"))
        else:
            self.config = CLIPVisionConfig(
                hidden_size=1024,
                intermediate_size=4096,
                num_hidden_layers=24,
                num_attention_heads=16,
                patch_size=14,
                image_size=known,
                projection_dim=768,
            )
            self.clip = Clip(known, known)

    def load(self, placement: Placement) -> Any:
        """The tower with its own weights."""
        from transformers import CLIPVisionModel

        with loading():
            tower, report = CLIPVisionModel.from_pretrained(
                self.folder, config=self.config, dtype=placement.dtype, output_loading_info=True
            )
        checkpoint.check_loaded(report)
        return tower.eval()


def without_projector(weights: dict[str, Any]) -> dict[str, Any]:
    """The language model's tensors alone."""
    return {
        name: one
        for name, one in weights.items()
        if "mm_projector" not in name and "rotary_emb" not in name and "vision_tower" not in name
    }


def projector_from(weights: dict[str, Any], dtype: Any) -> Any:
    """A projector as its tensors say it is: identity, one linear layer, or linear layers with exact GELU between."""
    import torch

    found: dict[int, dict[str, Any]] = {}
    for name, one in weights.items():
        *_, place, kind = name.split(".")
        number = int(place) if place.isdecimal() else 0
        found.setdefault(number, {})[kind] = one
    modules: list[Any] = []
    for _, layer in sorted(found.items()):
        weight, bias = layer["weight"], layer.get("bias")
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, dtype=dtype)
        with torch.no_grad():
            linear.weight.copy_(weight)
            if bias is not None:
                linear.bias.copy_(bias)
        modules += [torch.nn.GELU(), linear] if modules else [linear]
    return torch.nn.Sequential(*modules).eval()
