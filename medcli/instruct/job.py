"""`medcli generate-instruct`: which of its three works is meant; and the public function of that name.

:mod:`medcli.instruct.generation` makes samples of captions, :mod:`medcli.instruct.existing` checks those that exist,
:mod:`medcli.instruct.from_logic` makes them of labels.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medcli import jobs
from medcli.errors import UsageError
from medcli.instruct.result import Result
from medcli.instruct.spec import InstructSpec

__all__ = ["Result", "generate_instruct", "perform"]

_PATHS = (
    "output",
    "images",
    "decontaminate_images",
    "prompts",
    "prices",
    "cache",
    "logic",
    "labels",
    "check_only",
    "report",
    "state",
)
_MANY = ("kind", "domain", "license", "skip_check", "base_url", "detector", "trust_host")


def generate_instruct(captions: str | os.PathLike[str] | None = None, **options: Any) -> Result:
    """Make instruction data of captions; what ``medcli generate-instruct`` does.

    Parameters
    ----------
    captions
        The file of captions; None with ``logic=`` or ``check_only=``.
    **options
        The fields of :class:`medcli.instruct.spec.InstructSpec`.

    Returns
    -------
    Result
        Exit code, facts and words.

    Raises
    ------
    UsageError, InputError, SetupError, SafetyRefused
        As the command's exit codes 2, 4, 3 and 6.

    Examples
    --------
    >>> medcli.generate_instruct("captions.jsonl", output="train.json", model="gpt-4.1-mini")  # doctest: +SKIP
    """
    for name in _PATHS:
        if options.get(name) is not None:
            options[name] = Path(options[name])
    for name in _MANY:
        if isinstance(options.get(name), str):
            options[name] = (options[name],)
    tests = options.get("decontaminate")
    if tests is not None:
        several = (tests,) if isinstance(tests, str | os.PathLike) else tests
        options["decontaminate"] = tuple(Path(one) for one in several)
    try:
        spec = InstructSpec(None if captions is None else Path(captions), **options)
    except TypeError as error:
        raise UsageError(f"{error}") from None
    return perform(spec)


def perform(spec: InstructSpec, *, bar: Callable[[int], jobs.Progress] | None = None) -> Result:
    """Do what a Spec asks for.

    Parameters
    ----------
    spec : InstructSpec
        The wish.
    bar : callable, optional
        Makes a progress bar for so many samples.
    """
    if spec.mode == "check":
        from medcli.instruct.existing import check

        return check(spec)
    if spec.mode == "logic":
        from medcli.instruct.from_logic import make

        return make(spec)
    from medcli.instruct.generation import generate

    return generate(spec, bar)
