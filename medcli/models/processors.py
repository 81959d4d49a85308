"""A model's processor: loaded with or without torchvision, and made to prepare the same pictures only once.

Knows transformers' processors; refuses to know any model by name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_KEPT = 64  # pictures that are remembered: a chunk holds no more


def load(folder: Path, **code: Any) -> Any:
    """Load a model's processor, or its tokenizer where it sees nothing.

    Without torchvision, pictures are prepared by Pillow. A processor that also prepares videos cannot be loaded
    then, since there is no Pillow for videos: it is loaded without that part, which is not needed.

    Raises
    ------
    ImportError
        If it cannot do without the package that is missing.
    """
    from transformers import AutoProcessor

    try:
        return AutoProcessor.from_pretrained(folder, **code)
    except ImportError as error:
        kind = _class_of(folder)
        if "torchvision" not in str(error).lower() or "video_processor" not in _parts(kind):
            raise
        try:
            return still(kind).from_pretrained(folder, **code)
        except (TypeError, AttributeError, ValueError):  # it leans on its videos' part
            raise error from None


def _class_of(folder: Path) -> Any:
    """The processor's class, as its configs or the model's kind name it; None for none of transformers' own."""
    import transformers
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

    from medcli.models import checkpoint

    named = [
        checkpoint.config(folder, name).get("processor_class")
        for name in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json")
    ]
    named.append(PROCESSOR_MAPPING_NAMES.get(checkpoint.config(folder).get("model_type", "")))
    return next((found for name in named if name and (found := getattr(transformers, name, None))), None)


def _parts(kind: Any) -> list[str]:
    return list(kind.get_attributes()) if hasattr(kind, "get_attributes") else []


def still(kind: Any) -> Any:
    """A processor's class without its part for videos."""

    class Still(kind):  # type: ignore[misc]
        @classmethod
        def get_attributes(cls) -> list[str]:
            return [name for name in kind.get_attributes() if name != "video_processor"]

    Still.__name__ = kind.__name__
    return Still


class Remembering:
    """An image processor that prepares the pictures it has just seen only once: questions come grouped by picture."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self._seen: dict[tuple[int, ...], tuple[Any, Any]] = {}
        self.name = type(processor).__name__

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)

    def __call__(self, images: Any, *arguments: Any, **options: Any) -> Any:
        """Prepare pictures, or give what was made of the same objects before."""
        import copy

        flat = (
            [one for some in images for one in some] if isinstance(images[0], list | tuple) else list(images)
        )
        key = tuple(map(id, flat))
        if key not in self._seen:
            if len(self._seen) >= _KEPT:
                self._seen.pop(next(iter(self._seen)))
            # The pictures are kept with their result, so that no other picture gets their ids meanwhile.
            self._seen[key] = (flat, self._processor(images, *arguments, **options))
        return copy.copy(self._seen[key][1])
