"""Whether a text asserts, denies or leaves open what stands at a place in it.

Rules over words, in the manner of NegEx (Chapman et al., J Biomed Inform 2001;34:301-310), which looks for a cue within
a few words of what is said and stops where the clause ends. Knows cues (cues.tsv). Refuses to know slots and states.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from medcli.logic.words import Token, cue

Said = Literal["asserted", "denied", "open"]

_BEFORE, _AFTER = 9, 5
_STOPS = frozenset(".;:!?\n")
_SOFT = frozenset((",", "(", ")"))
_FLIPS = frozenset(("not", "no", "never"))
_ARTICLES = frozenset(("a", "an", "the", "any", "be", "completely", "entirely", "really"))


def said(tokens: Sequence[Token], start: int, end: int, taken: Sequence[bool] = ()) -> Said:
    """How a text takes what its tokens from ``start`` up to ``end`` say.

    ``taken`` marks what says something of the same thing: in "no cardiomegaly, normal heart" the list does not go on.
    """
    before = _before(tokens, start, taken)
    if before == "open":
        return "open"
    after = _after(tokens, end)
    if after == "open":
        return "open"
    return "denied" if "denied" in (before, after) else "asserted"


def wall(tokens: Sequence[Token], at: int) -> bool:
    """Whether a clause ends here for sure."""
    return tokens[at].text in _STOPS or bool(cue(tokens, at, "wall"))


def soft(tokens: Sequence[Token], at: int) -> bool:
    """Whether a clause may end here: a comma, a bracket, an "and"."""
    return tokens[at].text in _SOFT or bool(cue(tokens, at, "soft"))


def _before(tokens: Sequence[Token], start: int, taken: Sequence[bool]) -> Said:
    """What the words before say; the nearest cue decides."""
    verb = passed = comma = False
    if start and any(cue(tokens, start - 1, kind) == 1 for kind in ("above", "below")):  # "above normal"
        return "denied"
    for at in range(start - 1, max(-1, start - 1 - _BEFORE), -1):
        if wall(tokens, at):
            return "asserted"
        if soft(tokens, at):
            if verb or _new_clause(tokens, at, start):
                return "asserted"
            passed, comma = True, comma or tokens[at].text in _SOFT
        elif (length := cue(tokens, at, "away")) and at + length <= start:
            return "denied" if start - at - length <= 3 and not passed else "asserted"
        elif cue(tokens, at, "open"):
            return "asserted" if passed else "open"
        elif length := cue(tokens, at, "none"):
            # "No, it is": an answer, not a denial of what follows
            opener = at + 1 < start and tokens[at].text == "no" and soft(tokens, at + 1)
            ended = comma and any(taken[at + length : start]) and not _listed(tokens, at, start)
            return "asserted" if opener or ended or _taken_back(tokens, at, length) else _turned(tokens, at)
        elif (length := cue(tokens, at, "not")) and not passed:
            return "asserted" if _taken_back(tokens, at, length) else _turned(tokens, at)
        verb = verb or bool(cue(tokens, at, "verb"))
    return "asserted"


def _listed(tokens: Sequence[Token], at: int, start: int) -> bool:
    return any(token.text in ("or", "nor", "and") for token in tokens[at:start])


def _new_clause(tokens: Sequence[Token], at: int, start: int) -> bool:
    """Whether a comma or an "and" begins a clause of its own: ", and a consolidation is seen"."""
    verb = any(cue(tokens, place, "verb") for place in range(start, min(len(tokens), start + _AFTER)))
    apart = tokens[at].text == "and" and at > 0 and tokens[at - 1].text == ","
    return verb and (apart or bool(cue(tokens, at + 1, "article")))


def _taken_back(tokens: Sequence[Token], at: int, length: int) -> bool:
    return at + length < len(tokens) and bool(cue(tokens, at + length, "unless"))


def _turned(tokens: Sequence[Token], at: int) -> Said:
    """Denied, but for a cue that is denied itself: "not free of"."""
    before = at - 1
    while before > 0 and tokens[before].text in _ARTICLES:
        before -= 1
    return (
        "asserted"
        if before >= 0 and tokens[before].text in _FLIPS and tokens[at].text not in _FLIPS
        else "denied"
    )


def _after(tokens: Sequence[Token], end: int) -> Said:
    """What the words behind say: "is absent", "cannot be excluded", "is not seen", ": no"."""
    if end < len(tokens) - 1 and tokens[end].text in (":", ";") and _is_no(tokens, end + 1):
        return "denied"
    turned = False
    for at in range(end, min(len(tokens), end + _AFTER)):
        if wall(tokens, at) and not (at == end and tokens[at].text == ":"):
            break
        if soft(tokens, at):
            break
        if tokens[at].text in _FLIPS:
            if _seen(tokens, at + 1):
                return "denied"
            turned = True
        elif cue(tokens, at, "after"):
            if turned and tokens[at].text in ("excluded", "ruled"):
                return "open"
            return "asserted" if turned else "denied"
    return "asserted"


def _is_no(tokens: Sequence[Token], at: int) -> bool:
    alone = at + 1 == len(tokens) or tokens[at + 1].text in _STOPS or tokens[at + 1].text in _SOFT
    return alone and tokens[at].text in ("no", "none", "absent", "negative", "nil")


def _seen(tokens: Sequence[Token], at: int) -> bool:
    """Whether "seen" or the like follows within three words: "not clearly seen", "not been identified"."""
    for place in range(at, min(len(tokens), at + 3)):
        if wall(tokens, place) or soft(tokens, place):
            return False
        if cue(tokens, place, "seen"):
            return True
    return False
