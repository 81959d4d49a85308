"""What a reply to a closed question says: yes or no, or one of several options, or nothing that can be told.

The rules are made to be safe rather than kind: a reply that says two things says nothing. Written for medcli; the
table of tricky replies in the tests says of each case why. Knows words and marks; refuses to know the truth.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache

from medcli.evaluate.metrics.tables import rows
from medcli.evaluate.metrics.wording import normalized

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_QUOTES = '\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{DOUBLE LOW-9 QUOTATION MARK}"«»\N{LEFT SINGLE QUOTATION MARK}'
_MARKUP = re.compile(rf"</?[a-zA-Z]+>|\\boxed|\\text|[*_`~#>{_QUOTES}]")
_WORDS = re.compile(r"\w+(?:['\N{RIGHT SINGLE QUOTATION MARK}]\w+)*")
_NUMBER_SIGN = re.compile(r"\bno\s*\.\s*(?=\d)", re.IGNORECASE)
_EITHER = re.compile(r"\b(?:yes\s*(?:/|or|and)\s*no|no\s*(?:/|or|and)\s*yes)\b", re.IGNORECASE)
_NT = "n['\N{RIGHT SINGLE QUOTATION MARK}]?t"
_NEGATED = re.compile(
    rf"\b(?:not|is{_NT}|never|(?:cannot|can not|ca{_NT}|would not|would{_NT}|could not|could{_NT})\s+say)\s+['(]?"
    r"(?:an?\s+|the\s+)?(?:simple\s+|clear\s+)?(yes|no)\b",
    re.IGNORECASE,
)
_NO_ANSWER = re.compile(
    r"\bno\s+(?:idea|clue|comment|answer|opinion|way\s+(?:to|of)\s+\w+"
    r"|(?:image|picture|photo|scan|information|data|context)s?\s+(?:(?:is|are|was|were|has|have|been|yet)\s+)*"
    r"(?:provided|given|attached|available|supplied|uploaded|included|received))\b",
    re.IGNORECASE,
)


@cache
def _yes_no() -> dict[str, dict[str, str]]:
    """Scope to word to what it means."""
    scopes: dict[str, dict[str, str]] = {"anywhere": {}, "first": {}, "whole": {}}
    for row in rows("yes_no"):
        scopes[row["scope"]][row["word"]] = row["means"]
    return scopes


def plain(reply: str) -> str:
    """Take markup and quotation marks off."""
    return _MARKUP.sub("", reply).strip()


def yes_or_no(reply: str) -> str:
    """Return ``yes`` or ``no`` as the reply says, or the empty string if it says neither or both.

    Whole words only: neither ``nodule`` nor ``eyes`` nor ``No. 3`` is an answer. Where the words yes and no both stand
    in it, it is not told which is meant.

    >>> yes_or_no("**No**, there is none."), yes_or_no("A nodule."), yes_or_no("Yes ... no")
    ('no', '', '')
    """
    text = plain(reply)
    scopes = _yes_no()
    words = [word.casefold() for word in _WORDS.findall(text)]
    if not words:
        return ""
    if len(words) == 1 and words[0] in scopes["whole"]:
        return scopes["whole"][words[0]]
    if _EITHER.search(text):
        return ""
    text = _NEGATED.sub(" ", _NO_ANSWER.sub(" ", _NUMBER_SIGN.sub(" ", text)))
    said = {
        scopes["anywhere"][word]
        for word in map(str.casefold, _WORDS.findall(text))
        if word in scopes["anywhere"]
    }
    if first := _first(text, scopes["first"]):
        said.add(first)
    return said.pop() if len(said) == 1 else ""


def _first(text: str, meanings: dict[str, str]) -> str:
    """What the first word says, if a mark or the end stands behind it."""
    found = re.match(r"\W*(\w+)\s*(?:$|[^\w\s'\N{RIGHT SINGLE QUOTATION MARK}-]|\n)", text)
    return meanings.get(found[1].casefold(), "") if found else ""


_NAMED = r"\b(?i:answers?|options?|choices?|letters?)\s*(?:(?i:is|are|would be)\b|[=:-])*\s*:?\s*"
_VERB = (
    r"(?:\b(?i:is|be|choose|chose|select|pick|think|believe|say|with|it['\N{RIGHT SINGLE QUOTATION MARK}]s)\s*:?\s+"
    r"|[:=]\s*)"
)
_DASHES = "\N{EN DASH}\N{EM DASH}"
_END = rf"(?=\s*(?:$|[.,;:!?)\]}}\n{_DASHES}=]|-\s|\s(?i:because|since|as|which|for|given|and|or)\b))"

_CERTAIN = r"(?i:because|since|is\s+(?:the\s+)?(?:correct|right|best|answer))\b"


@cache
def _marked(letters: str) -> re.Pattern[str]:
    """Letters that stand where an answer stands: the whole reply, its head, in brackets, behind a lead, two together."""
    upper = f"[{letters}]"
    both = f"[{letters}{letters.lower()}]"
    return re.compile(
        rf"^\W*(?P<whole>{both})\W*$"
        rf"|^\W*(?P<head>{both})(?=\s*[.):\]}}]|\s*[-{_DASHES}]\s|\s*\n|\s*,\s|\s*=|\s+{_CERTAIN})"
        rf"|[(\[{{]\s*(?P<bracket>{both})\s*[)\]}}]"
        rf"|{_NAMED}[(\[{{]?(?P<named>{both}){_END}"
        rf"|{_VERB}[(\[{{]?(?P<verb>{upper}){_END}"
        rf"|(?<!\w)(?P<first>{upper})\s*(?:[,/&+]|\b(?i:and|or)\b)\s*(?P<second>{upper})(?!\w)"
    )


_NOT = re.compile(
    r"(?:\b(?:not|no|without|neither|nor|never|exclude[sd]?|excluding|rules? out|ruled out|rather than|instead of|unlike"
    r"|isnt|wasnt)\s+(?:(?!but\b|\N{BULLET})\S+\s+){0,2}"
    r"|\b(?:cannot|cant|couldnt) be\s+"
    r"|\b(?:dont|doesnt|didnt|wouldnt|doubt|absence of|other than)\s+"
    r"(?:(?:think|believe|say|see|look|seem|appear|show|like|be|to|that|this|it|is|its|there)\s+)*)$"
)
_DENIED = re.compile(
    r"\s*(?:(?:is|are|was|were|seems|looks|would be)\s+(?:not|incorrect|wrong|false|absent|excluded|unlikely|ruled out)"
    r"|isnt|arent|wasnt|cannot|cant|couldnt)\b(?!\s+(?:the\s+)?only\b)"
)


_BULLET = " \N{BULLET} "
_CLAUSE = re.compile(r"[;!?\n]|\.(?=\s|$)")


def option(reply: str, choices: tuple[str, ...]) -> int | None:
    """Return the place of the option that a reply names, by letter or by text, or None.

    Letters count where an answer stands (alone, in brackets, before a full stop, behind "answer is"), never as the
    article or within a name. Texts count as whole phrases, the longest first, unless they are negated. Two options,
    or a letter with the text of another option, are no answer.

    Parameters
    ----------
    reply : str
        As the model gave it.
    choices : tuple of str
        The options' texts in order; a letter each from A on.

    >>> option("**B.** spleen", ("liver", "spleen")), option("not the liver but the spleen", ("liver", "spleen"))
    (1, 1)
    """
    text = plain(reply)
    by_text = _texts(text, choices)
    by_letter = _letters(text, choices)
    if not by_letter:
        return by_text.pop() if len(by_text) == 1 else None
    if len(by_letter) > 1 or by_text - by_letter:
        return None
    return next(iter(by_letter))


def _letters(text: str, choices: Sequence[str]) -> set[int]:
    letters = LETTERS[: len(choices)]
    words = [word.upper() for word in _WORDS.findall(text)]
    if words and all(word in letters or word in ("AND", "OR") for word in words):
        return {letters.index(word) for word in words if word in letters}
    found: set[int] = set()
    for match in _marked(letters).finditer(text):
        begin = match.start(match.lastgroup or 0)
        before = normalized(text[max(0, match.start() - 40) : begin])
        behind = normalized(_CLAUSE.split(text[match.end() : match.end() + 40].lstrip(" .):]}"))[0])
        if match["second"] or not (_NOT.search(f"{before} ") or _DENIED.match(behind)):
            found.update(letters.index(letter.upper()) for letter in match.groups() if letter)
    return found


def _texts(text: str, choices: Sequence[str]) -> set[int]:
    """Options whose text stands in a reply as a phrase of its own, not within a longer option's, not negated."""
    clauses = filter(None, map(normalized, _CLAUSE.split(text)))
    said = f" {_BULLET.join(clauses)} "
    found = set()
    for place in sorted(range(len(choices)), key=lambda one: -len(normalized(choices[one]))):
        phrase = f" {normalized(choices[place])} "
        at = said.find(phrase) if phrase.strip() else -1
        while at >= 0:
            if not (_NOT.search(said[:at].lstrip() + " ") or _DENIED.match(said[at + len(phrase) :])):
                found.add(place)
            # A longer option's words must not count for a shorter one, negated or not.
            said = f"{said[:at]}{_BULLET}{said[at + len(phrase) :]}"
            said = said.replace("  ", " ")
            at = said.find(phrase)
    return found


_OR = re.compile(r"([^\W\d_][\w-]*)\s+or\s+(?:the\s+|an?\s+)?([^\W\d_][\w-]*)", re.IGNORECASE)


@lru_cache(4096)
def alternatives(question: str, truth: str) -> tuple[str, ...]:
    """The two options that a question offers with "or", if the truth is one of them; else the truth alone.

    >>> alternatives("Is it on the left or the right side?", "right")
    ('left', 'right')
    """
    for match in _OR.finditer(question):
        pair = match[1], match[2]
        if normalized(truth) in map(normalized, pair):
            return pair
    return (truth,)
