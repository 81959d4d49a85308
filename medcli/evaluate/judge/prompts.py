"""Prompts of the judge: our own words, kept as data, with a version that stands in the results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import blake2b
from importlib import resources

from medcli.evaluate.judge.door import Case


@cache
def system(name: str) -> str:
    """The text that a judge is told first: ``match`` or ``pair``."""
    return resources.files(__package__).joinpath(f"{name}_system.txt").read_text(encoding="utf-8").strip()


def version(name: str) -> str:
    """Eight hexadecimal digits of a prompt's text."""
    return blake2b(system(name).encode(), digest_size=4).hexdigest()


def match(  # noqa: PLR0917 - the texts in the prompt's order, then what no judge sees
    question: str,
    truth: str,
    reply: str,
    choices: Sequence[str] = (),
    known: Iterable[tuple[str, str]] = (),
    names: Iterable[str] = (),
) -> Case:
    """Ask whether a reply says what the reference says; ``known`` and ``names`` are for the gate."""
    options = "\n".join(f"{chr(65 + place)}. {one}" for place, one in enumerate(choices))
    parts = (("Question", question), ("Options", options), ("Reference", truth), ("Answer to check", reply))
    return Case(system("match"), parts, tuple(known), tuple(names))


def pair(  # noqa: PLR0917 - as above
    context: str,
    question: str,
    first: str,
    second: str,
    known: Iterable[tuple[str, str]] = (),
    names: Iterable[str] = (),
) -> Case:
    """Ask for the scores of two answers; ``known`` and ``names`` are for the gate."""
    parts = (("Context", context), ("Question", question), ("Assistant 1", first), ("Assistant 2", second))
    return Case(system("pair"), parts, tuple(known), tuple(names))
