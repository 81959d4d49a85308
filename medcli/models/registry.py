"""Which backend serves a ModelSpec. Knows names; each backend is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from medcli.errors import UsageError
from medcli.models.protocol import Backend, ModelSpec

BACKENDS = {
    "transformers": "medcli.models.transformers_backend",
    "openai": "medcli.models.endpoint",
}


def load(spec: ModelSpec) -> Backend:
    """Load a model, or connect to one.

    Raises
    ------
    UsageError
        If the backend's name is unknown or options contradict each other.
    SetupError
        If the model, or a package that it needs, is missing or broken.
    """
    if spec.backend not in BACKENDS:
        raise UsageError(
            f"There is no backend '{spec.backend}'.", hint=f"Choose one of: {', '.join(BACKENDS)}"
        )
    return cast("Backend", import_module(BACKENDS[spec.backend]).load(spec))
