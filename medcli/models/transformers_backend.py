"""The backend that runs a model in this process, by transformers.

Knows which family a folder is of, and how one request streams; refuses to know where questions come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from medcli.errors import InputError, SetupError, UsageError
from medcli.models import checkpoint
from medcli.models.protocol import Reply

if TYPE_CHECKING:
    from medcli.models.family import Family
    from medcli.models.protocol import Description, Engine, ModelSpec, Request, Sampling


def load(spec: ModelSpec) -> InProcess:
    """Load a model; see :func:`medcli.models.load`."""
    checkpoint.need("torch", "transformers", "PIL")
    import torch

    if spec.threads:
        torch.set_num_threads(spec.threads)
    return InProcess(load_family(spec))


def load_family(spec: ModelSpec) -> Family:
    """Find out what lies in a folder, and load it."""
    from medcli.models import llava_med
    from medcli.models.loading import loading

    folder = checkpoint.locate(spec.model)
    if (folder / "adapter_config.json").is_file():
        raise UsageError("This is an adapter, not a model.", hint="Say --model BASE --adapter FOLDER.")
    settings = checkpoint.config(folder)
    with loading():
        if llava_med.version(settings):
            return llava_med.load(spec, folder, settings)
        if spec.base:
            raise UsageError("--base is for delta weights in LLaVA-Med v1.0's layout.")
        if spec.padding != "centered" or spec.vision_weights != "auto":
            name = "--padding" if spec.padding != "centered" else "--vision-weights"
            raise UsageError(f"{name} is for LLaVA-Med in its original layout.", hint="Leave it out.")
        from medcli.models import captioned, chat

        if spec.captioner or spec.captioner_chart:
            return captioned.load(spec, folder, settings)
        return chat.load(spec, folder, settings)


class InProcess:
    """A loaded model; see :class:`medcli.models.protocol.Backend`."""

    def __init__(self, family: Family) -> None:
        from medcli.models.engine.runner import Runner

        self.family = family
        self.runner = Runner(family)

    def describe(self) -> Description:
        """What was loaded."""
        return self.family.describe()

    def engine(self) -> Engine:
        """What was chosen so far."""
        return self.runner.engine()

    def prompt(self, request: Request) -> str:
        """The question as the model's own programs record it."""
        return self.family.recorded_prompt(request)

    def count_tokens(self, request: Request) -> int:
        """Tokens of the whole prompt."""
        ready = self.runner.prepare([request])[0]
        if ready.row is None:
            raise InputError(f"The request cannot be prepared: {ready.error}.")
        return len(ready.row.prompt.ids)

    def generate(self, requests: Sequence[Request], settings: Sampling) -> Iterator[Reply]:
        """Answer a chunk."""
        return self.runner.generate(requests, settings)

    def ahead(self, requests: Sequence[Request]) -> None:
        """Begin to open pictures, of this chunk and of the one that is likely to follow; returns at once."""
        self.runner.ahead(requests)

    def stream(self, request: Request, settings: Sampling) -> Iterator[str]:
        """Answer one request in pieces."""
        from medcli.models.engine import single

        return single.stream(self.runner, request, settings)

    def trace(self, request: Request, settings: Sampling) -> tuple[Reply, dict[str, Any]]:
        """Answer one request alone, with the arrays on the way."""
        from medcli.models.engine import single

        return single.trace(self.runner, request, settings)

    def close(self) -> None:
        """Give the memory back."""
        import gc

        import torch

        if hasattr(self, "family"):
            del self.family, self.runner
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


__all__ = ["InProcess", "SetupError", "load", "load_family"]
