"""The table of rules, and what applies them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from medcli.instruct.checks import capitals, choices, identity, leak, refusal, shape, source_talk, wording
from medcli.instruct.checks.settings import Settings
from medcli.instruct.checks.subject import Subject
from medcli.instruct.sample import Finding, Sample
from medcli.records import Caption


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a sample must not be.

    Attributes
    ----------
    name : str
        Kebab-case; counted in reports.
    find : callable
        Yields findings; its docstring's first line says the rule.
    mending : {"cut", "pair", "sample"}
        What becomes of what breaks it: words are cut or put right, else the pair goes; the pair goes; the sample goes.
    """

    name: str
    find: Callable[[Subject], Iterable[Finding]]
    mending: Literal["cut", "pair", "sample"]


RULES: tuple[Rule, ...] = (
    Rule("schema", shape.schema, "sample"),
    Rule("alternation", shape.alternation, "pair"),
    Rule("empty", shape.empty, "pair"),
    Rule("picture-token", shape.picture_token, "cut"),
    Rule("markup", shape.markup, "cut"),
    Rule("refusal", refusal.refusal, "pair"),
    Rule("source-talk", source_talk.source_talk, "cut"),
    Rule("leak", leak.leak, "pair"),
    Rule("identity", identity.identity, "pair"),
    Rule("language", wording.language, "pair"),
    Rule("length", wording.length, "pair"),
    Rule("repetition", wording.repetition, "pair"),
    Rule("capitals", capitals.capitals, "cut"),
    Rule("choices", choices.choices, "sample"),
    Rule("choice-giveaway", choices.choice_giveaway, "sample"),
)


def names() -> tuple[str, ...]:
    """Names of all rules."""
    return tuple(rule.name for rule in RULES)


def check(sample: Sample, caption: Caption | None = None, settings: Settings | None = None) -> list[Finding]:
    """Tell what is wrong with a sample.

    Parameters
    ----------
    sample : Sample
        As a reply or a file gave it.
    caption : Caption, optional
        What it was made from; without it rule ``leak`` finds nothing.
    settings : Settings, optional
        The default ones where None.

    Returns
    -------
    list of Finding
        In the order of :data:`RULES`; empty for a sample that may be kept as it is.
    """
    return found(Subject(sample, caption, settings or Settings()))


def found(subject: Subject) -> list[Finding]:
    """Findings of a sample that is prepared already; one without readable turns is looked at no further."""
    off = subject.settings.off
    schema, *others = RULES
    broken = list(schema.find(subject))
    if broken:
        return broken
    return [finding for rule in others if rule.name not in off for finding in rule.find(subject)]
