"""The dictionaries of attributes and UIDs that pydicom ships, without the rest of pydicom.

Knows where they lie. A process that only streams needs nothing else of pydicom, whose import (with numpy's) costs as
much as a hundred files. Refuses to know what they are used for.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

__all__ = ["attributes", "uids"]


def _module(name: str) -> ModuleType:
    """The module ``pydicom.<name>``: run by itself, where it is a file that needs no other."""
    package = find_spec("pydicom")
    for folder in (package.submodule_search_locations or ()) if package else ():
        path = Path(folder) / f"{name}.py"
        spec = spec_from_file_location(f"medcli_{name}", path)
        if path.is_file() and spec is not None and spec.loader is not None:
            module = module_from_spec(spec)
            try:
                spec.loader.exec_module(module)
            except ImportError:
                break
            return module
    return import_module(f"pydicom.{name}")


@lru_cache(maxsize=1)
def attributes() -> Mapping[int, tuple[str, ...]]:
    """PS3.6 by tag: VR, VM, name, whether it is retired, keyword."""
    found: Mapping[int, tuple[str, ...]] = _module("_dicom_dict").DicomDictionary
    return found


@lru_cache(maxsize=1)
def uids() -> Mapping[str, tuple[str, ...]]:
    """The registry of UIDs (PS3.6 Annex A): name, type ..."""
    found: Mapping[str, tuple[str, ...]] = _module("_uid_dict").UID_dictionary
    return found
