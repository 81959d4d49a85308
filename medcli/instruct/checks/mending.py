"""Keeping what can be kept of a sample: words cut or put right, bad pairs dropped, the order of turns kept.

A turn is only ever cut, never reworded; letters change in two places alone: the first one behind a lead-in that was
cut, and abbreviations that rule ``capitals`` found in small letters. Rules that are off mend nothing either.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

from medcli.instruct.checks.capitals import put_right
from medcli.instruct.checks.lead_ins import cut
from medcli.instruct.checks.rules import found
from medcli.instruct.checks.settings import Settings
from medcli.instruct.checks.shape import plain, without_tokens
from medcli.instruct.checks.subject import Subject
from medcli.instruct.sample import Finding, Sample
from medcli.records import Caption, Turn

_CUTS = {
    "picture-token": without_tokens,
    "markup": plain,
    "source-talk": cut,
    "capitals": put_right,
}


def mend(
    sample: Sample, caption: Caption | None = None, settings: Settings | None = None
) -> tuple[Sample | None, list[Finding]]:
    """Keep what can be kept.

    Parameters
    ----------
    sample : Sample
        As a reply or a file gave it.
    caption, settings
        As of :func:`medcli.instruct.checks.check`.

    Returns
    -------
    (Sample or None, list of Finding)
        The sample, itself where nothing was found; None where nothing can be kept. And what was found before mending.
        A sample that is returned has no finding any more.
    """
    settings = settings or Settings()
    before = found(Subject(sample, caption, settings))
    if not before:
        return sample, before
    if any(one.rule == "schema" for one in before):
        return None, before
    rest = replace(sample, turns=tuple(_cut(turn, settings.off) for turn in sample.turns))
    if "alternation" not in settings.off:
        rest = replace(rest, turns=_paired(rest.turns))
    while rest.turns:  # at least one pair goes each time, so this ends
        findings = found(Subject(rest, caption, settings))
        if not findings:
            return rest, before
        if any(one.turn < 0 for one in findings):
            break
        rest = replace(rest, turns=_without(rest.turns, findings))
    return None, before


def _cut(turn: Turn, off: frozenset[str]) -> Turn:
    role, text = turn
    for rule, mended in _CUTS.items():
        if rule not in off:
            text = mended(text)
    return role, text


def _paired(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Questions that an answer follows at once, with their answers."""
    pairs = [pair for pair in itertools.pairwise(turns) if (pair[0][0], pair[1][0]) == ("user", "assistant")]
    return tuple(turn for pair in pairs for turn in pair)


def _without(turns: tuple[Turn, ...], findings: Iterable[Finding]) -> tuple[Turn, ...]:
    """The turns without the pairs that something was found in.

    Of turns that break several rules, those of the first rule go, and the others are looked at anew: an answer that
    repeats one that is gone repeats nothing.
    """
    findings = list(findings)
    bad = {one.turn // 2 for one in findings if one.rule == findings[0].rule}
    return tuple(turn for place, turn in enumerate(turns) if place // 2 not in bad)
