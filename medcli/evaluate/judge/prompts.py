"""Prompts of the judge: our own words, kept as data, with a version that stands in the results."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from importlib import resources

from medcli.evaluate.judge.asking import Case


@cache
def system(name: str) -> str:
    """The text that a judge is told first: ``match`` or ``pair``."""
    return resources.files(__package__).joinpath(f"{name}_system.txt").read_text(encoding="utf-8").strip()


def version(name: str) -> str:
    """Eight hexadecimal digits of a prompt's text."""
    return blake2b(system(name).encode(), digest_size=4).hexdigest()


def match(question: str, truth: str, reply: str, choices: Sequence[str] = ()) -> Case:
    """Ask whether a reply says what the reference says."""
    options = "\n".join(f"{chr(65 + place)}. {one}" for place, one in enumerate(choices))
    parts = [("Question", question), ("Options", options), ("Reference", truth), ("Answer to check", reply)]
    return Case(system("match"), _laid(parts))


def pair(context: str, question: str, first: str, second: str) -> Case:
    """Ask for the scores of two answers."""
    parts = [("Context", context), ("Question", question), ("Assistant 1", first), ("Assistant 2", second)]
    return Case(system("pair"), _laid(parts))


def _laid(parts: Sequence[tuple[str, str]]) -> str:
    return "\n\n".join(f"[{name}]\n{text.strip()}\n[End of {name}]" for name, text in parts if text.strip())
