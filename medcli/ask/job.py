"""`medcli ask`: one question, a file of them, or an export; and the public function of that name.

Knows which of the three is meant; :mod:`medcli.ask.once` and :mod:`medcli.ask.many` do them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medcli import jobs, models, storage
from medcli.ask.many import Load, Result, ask_file
from medcli.ask.once import answer_once
from medcli.ask.spec import AskSpec
from medcli.errors import UsageError
from medcli.storage import Url

__all__ = ["Result", "ask", "perform"]


def ask(
    question: str | None = None, *images: str | os.PathLike[str], load: Load = models.load, **options: Any
) -> Any:
    """Ask a medical vision-language model; what ``medcli ask`` does.

    Parameters
    ----------
    question
        What to ask; None with ``questions=``.
    *images
        The pictures that it is about.
    load
        Makes a backend of a :class:`~medcli.models.ModelSpec`.
    **options
        The fields of :class:`medcli.ask.spec.AskSpec`.

    Returns
    -------
    dict or Result
        For one question its answer's record; for a file of questions the run's result.

    Raises
    ------
    UsageError, InputError, SetupError, SafetyRefused
        As the command's exit codes 2, 4, 3 and 6.

    Examples
    --------
    >>> medcli.ask("What does this show?", "scan.dcm", model="google/medgemma-4b-it")  # doctest: +SKIP
    """
    for name in ("questions", "images", "output", "trace", "export_hf", "state"):
        if options.get(name) is not None:
            options[name] = _place(options[name]) if name == "images" else Path(options[name])
    for name in ("suffix", "base_url"):
        if isinstance(options.get(name), str):
            options[name] = (options[name],)
    try:
        spec = AskSpec(question, tuple(Path(image) for image in images), **options)
    except TypeError as error:
        raise UsageError(f"{error}") from None
    result = perform(spec, load=load)
    return result if spec.questions or spec.export_hf else result.facts


def perform(
    spec: AskSpec,
    *,
    bar: Callable[[int], jobs.Progress] | None = None,
    say: Callable[[str], None] | None = None,
    load: Load = models.load,
) -> Result:
    """Do what a Spec asks for.

    Parameters
    ----------
    spec : AskSpec
        The wish.
    bar : callable, optional
        Makes a progress bar for so many rows.
    say : callable, optional
        Is handed the pieces of one question's answer as they come.
    load : callable
        Makes a backend.
    """
    if spec.export_hf is not None:
        from medcli.models.export import export_hf

        folder = str(export_hf(spec.model_spec(), spec.export_hf))
        return Result(0, {"exported": folder}, f"Written: {folder}")
    if spec.questions is None:
        return Result(0, answer_once(spec, say, load))
    return ask_file(spec, spec.questions, bar, load)


def _place(given: str | os.PathLike[str]) -> Path | Url:
    return storage.given(given) if isinstance(given, str) else Path(given)
