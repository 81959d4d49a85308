"""The public function ``medcli.evaluate(...)``.

The other two commands are :func:`medcli.evaluate.chat.evaluate_chat` and
:func:`medcli.evaluate.privacy.evaluate_privacy`, each with its Spec.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from medcli.errors import UsageError
from medcli.evaluate.spec import VqaSpec
from medcli.evaluate.vqa import Result, evaluate_vqa

__all__ = ["Result", "evaluate"]

_PATHS = ("questions", "candidates", "synonyms", "output", "report", "images", "state", "logic")


def evaluate(*answers: str | os.PathLike[str], **options: Any) -> Result:
    """Score files of answers; what ``medcli evaluate vqa`` does.

    Parameters
    ----------
    *answers
        Files of answers; several are compared with the first.
    **options
        The fields of :class:`medcli.evaluate.spec.VqaSpec`.

    Returns
    -------
    Result
        ``facts`` is the content of scores.json.

    Raises
    ------
    UsageError, InputError, SetupError
        As the command's exit codes 2, 4 and 3.

    Examples
    --------
    >>> medcli.evaluate("answers.jsonl", questions="test.json").facts["models"][0]["answers"]  # doctest: +SKIP
    """
    spec = made(VqaSpec, answers=tuple(map(Path, answers)), compare=len(answers) > 1, **options)
    return evaluate_vqa(spec)


def made(cls: type[Any], **options: Any) -> Any:
    """Make a Spec of a caller's options.

    Raises
    ------
    UsageError
        If there is no such option.
    """
    for name in _PATHS:
        if options.get(name) is not None:
            options[name] = Path(options[name])
    if isinstance(options.get("base_url"), str):
        options["base_url"] = (options["base_url"],)
    if isinstance(options.get("metrics"), list | tuple):
        options["metrics"] = ",".join(options["metrics"])
    try:
        return cls(**options)
    except TypeError as error:
        raise UsageError(f"{error}") from None
