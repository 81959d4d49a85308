"""medcli prepares medical image-text data and asks medical models about it; no patient's identity leaves on the way.

The public functions are resolved on first use, so that ``import medcli`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medcli.ask.job import ask
    from medcli.data.download import download
    from medcli.evaluate.job import evaluate
    from medcli.instruct.job import generate_instruct
    from medcli.privacy.job import scrub

__version__ = "0.1.0"

__all__ = ["__version__", "ask", "download", "evaluate", "generate_instruct", "scrub"]

_PUBLIC = {
    "ask": "",
    "download": "medcli.data.download",
    "evaluate": "",
    "generate_instruct": "medcli.instruct.job",
    "scrub": "medcli.privacy.job",
}


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    # A public function that shares its name with a package is that package, called.
    module = import_module(_PUBLIC[name] or f"{__name__}.{name}")
    value = getattr(module, name) if _PUBLIC[name] else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
