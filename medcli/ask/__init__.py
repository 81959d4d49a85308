"""Questions to answers: reading, planning in chunks, asking, writing.

``medcli.ask`` is this package and, called, the public function: whichever is imported first, both work.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from medcli.ask.job import ask

        return ask(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
