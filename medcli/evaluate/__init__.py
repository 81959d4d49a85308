"""Scores: answers held against references, with intervals, comparisons and a report to look at.

``medcli.evaluate`` is this package and, called, the public function: whichever is imported first, both work.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from medcli.evaluate.job import evaluate

        return evaluate(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
