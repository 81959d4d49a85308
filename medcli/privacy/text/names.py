"""Names of persons: by what stands beside them, and by lists.

Every run of words that may be a name gets points: for its own words (a listed given name, a surname, an unknown
capitalised word, initials) and for its neighbours (a title, a label, a relative, a credential, what persons do). Enough
points make a name; ``high`` asks for fewer. What was surely a name once is one wherever it stands again in the text
(two passes, after Dehghan et al. 2015). The title stays, the name goes; an eponym before what it names stays.

Knows persons. Refuses to know places and numbers, which other recognisers found before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from medcli.privacy.text import names_scripts
from medcli.privacy.text.names_again import find_again
from medcli.privacy.text.names_cues import FORCING, after, before, strong_title
from medcli.privacy.text.names_lone import find_lone
from medcli.privacy.text.names_lower import named_too
from medcli.privacy.text.names_parts import (
    FAINT,
    INITIALS,
    OTHER,
    PARTICLES,
    SMALL,
    STRONG,
    UNKNOWN,
    Reading,
    read,
)
from medcli.privacy.text.names_points import Points
from medcli.privacy.text.names_small import begins_small, end_of, head, whole
from medcli.privacy.text.names_strokes import find_headed, find_stroked
from medcli.privacy.text.safe import eponym
from medcli.privacy.text.span import Span
from medcli.privacy.text.words import (
    CAPITAL,
    CITY,
    COMMON,
    CREDENTIAL,
    EPONYM,
    FACILITY,
    FIRST,
    HEAD,
    LABEL,
    LAST,
    LOWER,
    MEDICAL,
    NAME,
    OPENS,
    REGION,
    RELATIVE,
    ROLE,
    SELF,
    STATE,
    STOP,
    SUFFIX,
    TITLE,
    UPPER,
    lexicon,
    marked,
    word_set,
)

if TYPE_CHECKING:
    from medcli.privacy.text.document import Document

__all__ = ["find_names"]

#: Points that make a name.
_BALANCED, _HIGH = 1.65, 0.75
#: So many fewer are enough where the text is about somebody already: a date, a number or another name was found in it.
_LESS_BALANCED, _LESS_HIGH = 0.9, 0.45
#: Endings of drugs, diseases and methods that no list has.
_CLINICAL = re.compile(
    r"(?:mab|nib|ine|ol|ide|ate|one|pril|tan|tin|cin|xin|min|lin|zole|vir|cept|pam|lam|ium|sis|tis|oma|emia|uria|pathy|scopy|gram|graphy|ectomy|ase|stat|tide|parin|xaban|gene|leucel|phil|cele|lysis|plasty|gia)$"
)
#: What a degree or a number without a comma before it is worth; it may be a projection or a grade.
_CAPITAL_DEGREE = 4.5
_MOST = 6
_LEADING = word_set("names-leading")
_CALLS = TITLE | LABEL | SELF | RELATIVE | ROLE
#: What does Dr stand for?
_MEANS = frozenset(("stand", "stands", "mean", "means", "abbreviation"))
_GAP = re.compile(
    r"[ \u00a0\u3000]{1,3}|\.[ \u00a0]?|[ \u00a0]?[\"“”\u2018(][\"“”]?|[\"“”\u2019)][ \u00a0]|\^|[ \u00a0]?[・·][ \u00a0]?"
)
#: Fixed expressions with a name in them, which is nobody's any more.
_FIXED = re.compile(
    "|".join(re.escape(phrase.replace("_", " ")) for phrase in sorted(word_set("safe-phrases")))
)
_REVERSED = re.compile(r",[ \u00a0]?|\^|,\n")
_AND = re.compile(r",? (?:and|&|or|y|und|et) |[,;/&] ?|, (?:and|or) ")
#: Dr. O, whose name is said by a letter.
_DOCTOR_LETTER = re.compile(r"\bDr\.? (?P<letter>[A-Z])(?![\w'\u2019-]|\. ?[A-Z])")
_DEGREE = re.compile(r"\. ?[A-Z]\b")


class _Run(NamedTuple):
    """Words ``first`` to ``last`` as one candidate, and its points."""

    first: int
    last: int
    points: float


def find_names(document: Document) -> list[Span]:
    """All names of a document; scores grow with the evidence."""
    reading = read(document)
    runs = _Search(document, reading).runs()
    looked = document.looked
    spans = [
        Span(
            head(reading, run.first),
            whole(reading, run.first, run.last),
            "NAME",
            min(0.99, 0.5 + run.points / 16),
            "list:names",
        )
        for run in runs
    ]
    if "dr" in looked.present:
        spans += [
            Span(*found.span("letter"), "NAME", 0.9, "rule:doctor")
            for found in _DOCTOR_LETTER.finditer(document.text)
        ]
    if "/" in document.text:
        spans += find_stroked(document)
    if document.digits:
        spans += find_headed(document)
    spans += find_lone(document, reading)
    for span in list(spans):
        too = named_too(document.text, span.end) if document.text[span.start].islower() else None
        if too is not None:
            spans.append(Span(*too, "NAME", 0.6, "rule:too"))
    return spans + find_again(document, reading, runs) + names_scripts.find(document)


class _Search:
    """One pass over a document's words."""

    def __init__(self, document: Document, reading: Reading) -> None:
        self.document, self.reading = document, reading
        self.text, self.looked, self.kinds = document.text, document.looked, reading.kinds
        self.least = _HIGH if document.high else _BALANCED
        self.taken = marked(document.found, len(document.text))
        self.points = Points(reading, high=document.high)
        self.found: list[_Run] = []
        self.weak: list[_Run] = []
        self.told = self.least - (_LESS_HIGH if document.high else _LESS_BALANCED)

    def runs(self) -> list[_Run]:
        """The runs that are names, in order."""
        kinds, numbers = self.kinds, self.looked.numbers
        position, count = 0, len(kinds)
        while position < count:
            run = None
            if kinds[position] > PARTICLES or not position or numbers[position - 1] & _CALLS:
                run = self._judged(position)
            if run is None or run.points < self.least:
                self.weak += [run] if run is not None else []
                position += 1
                continue
            self.found.append(run)
            position = max(run.last, position) + 1
        if self.weak and (self.found or self.document.found):
            self._add_weak()
        return self.found

    def _add_weak(self) -> None:
        """Take what has fewer points too, since the text is about somebody."""
        taken = {at for run in self.found for at in range(run.first, run.last + 1)}
        for run in self.weak:
            words = range(run.first, run.last + 1)
            if taken.isdisjoint(words) and (run.points >= self.told or self._heads(run)):
                taken.update(words)
                self.found.append(run)
        self.found.sort()

    def _heads(self, run: _Run) -> bool:
        """Whether an unknown word at the head of a sentence is rather a person than a drug."""
        low = self.looked.lows[run.first]
        return (
            run.first == run.last
            and self.kinds[run.first] == UNKNOWN
            and self.looked.shapes[run.first] == CAPITAL
            and self.reading.plain
            and len(low) > 3
            and not _CLINICAL.search(low)
        )

    def _judged(self, position: int) -> _Run | None:
        cue = before(self.text, self.looked, position)
        first = self._first(position, cue)
        if first is None:
            return None
        while first and self._leads(first - 1):
            first -= 1
            cue = max(cue, before(self.text, self.looked, first))
        cue = max(cue, self._listed_with(first))
        last = self._extended(first, cue)
        last = self._reversed(first, last, cue)
        last = self._trimmed(first, last)
        if 0 not in self.taken[self.looked.starts[first] : self.looked.ends[last]]:
            return None
        fixed = _FIXED.match(self.document.lower, self.looked.starts[first]) if cue < FORCING else None
        if fixed:
            self.taken[fixed.start() : fixed.end()] = b"\1" * (fixed.end() - fixed.start())
            return None
        behind = after(self.text, self.looked, last, end_of(self.reading, last))
        if cue < FORCING and (self._eponym(first, last, cue + behind) or self._place(last)):
            return None
        own = self.points.own(first, last, cue + behind)
        if behind == _CAPITAL_DEGREE and own < 1.0:  # CHEST PA, Grade II
            behind = 0.0
        return _Run(first, last, own + cue + behind)

    def _eponym(self, first: int, last: int, cues: float) -> bool:
        """Whether the run names a disease, a scale or a formula."""
        numbers = self.looked.numbers
        if eponym(self.text, self.looked, first, last):
            return True
        if numbers[first] & EPONYM and any(number & HEAD for number in numbers[first + 1 : last + 1]):
            span = slice(self.looked.starts[first], self.looked.ends[last])
            self.taken[span] = b"\1" * (span.stop - span.start)
            return True  # Glasgow Coma Scale
        return not cues and first == last and bool(numbers[first] & EPONYM) and "-" in self.looked.lows[first]

    def _first(self, position: int, cue: float) -> int | None:
        """The word where a name may begin: this one, if it is a part of a name or a strong cue makes it one."""
        kind = self.kinds[position]
        if (
            kind == FAINT
            and cue < FORCING
            and self.looked.numbers[position] & STOP
            and self.reading.opens(position)
        ):
            return None
        if kind > PARTICLES:
            return position if cue >= FORCING or not self._in_city(position) else None
        if begins_small(self.reading, position, cue):
            return position
        if cue < FORCING:
            return None
        return position if self._forced(position) else None

    def _forced(self, position: int) -> bool:
        """Whether a cue that leaves no doubt makes a name of this word."""
        kind, number, shape = (
            self.kinds[position],
            self.looked.numbers[position],
            self.looked.shapes[position],
        )
        titled = bool(position) and strong_title(self.looked, position - 1)
        if kind == PARTICLES:
            return (shape == CAPITAL and titled) or self._particles_end(position)
        if number & (STOP | TITLE):
            return False
        if kind == OTHER and shape in (CAPITAL, UPPER):
            return self._forced_capital(position, titled=titled)
        return shape == LOWER and self._forced_small(position, titled=titled)

    def _forced_capital(self, position: int, *, titled: bool) -> bool:
        number, low = self.looked.numbers[position], self.looked.lows[position]
        ordinary = number & (COMMON | MEDICAL)
        if (
            titled
            and self.looked.shapes[position] == CAPITAL
            and (number & NAME or not ordinary or "-" in low)
        ):
            return True
        plain = number & (MEDICAL | COMMON | LABEL) and not number & LAST
        return (
            not plain
            or self._next_is_part(position)
            or after(self.text, self.looked, position, self.looked.ends[position]) >= FORCING
        )

    def _forced_small(self, position: int, *, titled: bool) -> bool:
        number, low = self.looked.numbers[position], self.looked.lows[position]
        if number & NAME and titled and low not in _MEANS:
            return True
        common = (number & COMMON) >> 4
        if common > 1 or number & (MEDICAL | LABEL | ROLE):
            return False
        return not common or (titled and bool(number & NAME or self.reading.plain))

    def _leads(self, position: int) -> bool:
        """Whether a particle stands before the name: da Mota, DE GRATIE, St. John."""
        return self.looked.lows[position] in _LEADING and bool(
            re.fullmatch(r"[ \u00a0]|\. |['\u2019]", self._gap(position + 1))
        )

    def _particles_end(self, position: int) -> bool:
        """Whether particles (van de) are followed by a part of a name."""
        while (
            position + 1 < len(self.kinds)
            and self.kinds[position] == PARTICLES
            and self._gap(position + 1) in (" ", "'", ". ")
        ):
            position += 1
        return self.kinds[position] > INITIALS or self.looked.shapes[position] == CAPITAL

    def _in_city(self, position: int) -> bool:
        """Whether the word belongs to a listed city of several words: New York, Ann Arbor."""
        table, lower, looked = lexicon(), self.document.lower, self.looked
        for first in (position - 1, position):
            if first >= 0 and looked.numbers[first] & OPENS and looked.shapes[first] != LOWER:
                for last in range(max(first, position - 1) + 1, min(first + 3, len(looked.lows))):
                    if table[lower[looked.starts[first] : looked.ends[last]]] & (CITY | REGION):
                        return True
        return False

    def _next_is_part(self, position: int) -> bool:
        following = position + 1
        return (
            following < len(self.kinds)
            and self.kinds[following] > INITIALS
            and bool(re.fullmatch(r"[ \u00a0]|, ?|\^", self._gap(following)))
        )

    def _gap(self, position: int) -> str:
        return self.text[self.looked.ends[position - 1] : self.looked.starts[position]]

    def _extended(self, first: int, cue: float) -> int:
        """The run's last word."""
        last = position = first
        small = self.looked.shapes[first] == LOWER and self.kinds[first] != PARTICLES
        end = min(len(self.kinds), first + _MOST)
        while position + 1 < end:
            position += 1
            if not _GAP.fullmatch(self._gap(position)) or (
                ". " in self._gap(position)
                and self.kinds[position - 1] != INITIALS
                and self.looked.lows[position - 1] not in _LEADING
            ):
                break
            kind = self.kinds[position]
            if kind == PARTICLES:
                continue
            if kind == OTHER and (self._capitals(position) or self._state_too(position)):
                last = position
                continue
            if (
                kind < INITIALS
                or (kind == SMALL and not small)
                or (
                    self.looked.numbers[position] & (CREDENTIAL | SUFFIX)
                    and self.looked.shapes[position] == UPPER
                )
            ):
                if not (small and cue >= FORCING and self._small_too(position)):
                    break
            elif (
                kind == FAINT
                and self.looked.numbers[position] & STOP
                and cue < FORCING
                and self.kinds[first] != STRONG
            ):
                break
            last = position
        return last

    def _state_too(self, position: int) -> bool:
        """Whether a state is a surname here: Aaliyah Washington."""
        number = self.looked.numbers[position]
        return (
            bool(number & (STATE | REGION)) and number & LAST == LAST and self.kinds[position - 1] == STRONG
        )

    def _capitals(self, position: int) -> bool:
        """Whether a listed word in capitals goes on with a name in capitals: ROBERT DOWNS."""
        return (
            self.looked.shapes[position] == self.looked.shapes[position - 1] == UPPER
            and bool(self.looked.numbers[position] & NAME)
            and len(self.looked.lows[position]) > 3
        )

    def _small_too(self, position: int) -> bool:
        """Whether a second word written small belongs to a name that a strong cue has begun."""
        number = self.looked.numbers[position]
        if self.looked.shapes[position] != LOWER or number & STOP or len(self.looked.lows[position]) < 3:
            return False
        return not number or (bool(number & NAME) and (number & COMMON) >> 4 < 2)

    def _reversed(self, first: int, last: int, cue: float) -> int:
        """``Smith, John A.``: the given names behind the comma."""
        following = last + 1
        if following >= len(self.kinds) or last - first > 2:
            return last
        gap = self._gap(following)
        if not _REVERSED.fullmatch(gap):
            return last
        number, kind = self.looked.numbers[following], self.kinds[following]
        given = (
            (number & FIRST) >= 2
            or (cue >= FORCING and number & FIRST)
            or kind in (INITIALS, UNKNOWN)
            or gap == "^"
            or (kind == SMALL and number & FIRST)
            or (kind == OTHER and self._foreign(last, following))
        )
        if kind < INITIALS and not (gap == "^" and kind == OTHER) and not (kind == OTHER and given):
            if not (
                cue >= FORCING and gap == ", " and self.looked.shapes[following] == CAPITAL and number & TITLE
            ):
                return last  # Lindqvist, Maj
            given = True
        own = self.looked.numbers[last]
        family = own & LAST or self.kinds[last] == UNKNOWN or cue >= FORCING or gap == "^"
        if not (given and family) or number & CREDENTIAL:
            return last
        if kind == INITIALS and self.text[self.looked.ends[following] : self.looked.ends[following] + 2] in (
            ".D",
            ".N",
        ):
            return last
        return self._extended(following, cue)

    def _foreign(self, family: int, position: int) -> bool:
        """Whether a word with a capital that hardly is one stands behind a sure surname: Tkachenko, Oleh."""
        number = self.looked.numbers[position]
        return (
            self.kinds[family] == STRONG
            and self.looked.numbers[family] & LAST == LAST
            and not self.looked.numbers[family] & (COMMON | CITY)
            and self.looked.shapes[position] == CAPITAL
            and (number & COMMON) >> 4 < 2
            and not number & (MEDICAL | STOP | STATE | REGION | ROLE | CITY)
        )

    def _trimmed(self, first: int, last: int) -> int:
        """Without the initials of a degree (``M`` of M.D.) and without a credential."""
        while last > first and (
            (self.kinds[last] == INITIALS and _DEGREE.match(self.text, self.looked.ends[last]))
            or (
                self.kinds[last] == INITIALS
                and last - 1 > first
                and self.kinds[last - 1] == INITIALS
                and self.text[self.looked.starts[last - 1] : self.looked.ends[last]]
                in ("M.D", "D.O", "R.N", "N.P", "P.A")
            )
        ):
            last -= 1
            if (
                self.text[self.looked.starts[last] : self.looked.ends[last] + 2]
                in ("M.D", "D.O", "R.N", "N.P", "P.A")
                and last > first
            ):
                last -= 1
        return last

    def _place(self, last: int) -> bool:
        """Whether a facility's or a street's word follows: the run names that."""
        following = last + 1
        return (
            following < len(self.kinds)
            and bool(self.looked.numbers[following] & FACILITY)
            and self.looked.shapes[following] in (CAPITAL, UPPER)
            and self._gap(following) in (" ", "'s ", "\u2019s ", "' ")
            and not self.looked.numbers[following] & NAME
        )

    def _listed_with(self, position: int) -> float:
        """Points for standing in a row with a name found just before: ``Dr. Smith and Jones``."""
        if not self.found:
            return 0.0
        last = self.found[-1].last
        if position - last > 2:
            return 0.0
        gap = self.text[self.looked.ends[last] : self.looked.starts[position]]
        return 2.0 if _AND.fullmatch(gap) else 0.0
