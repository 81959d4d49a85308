"""One record in, the same record without its identities out, and the proof that they are gone.

Knows the order of the work: strings, known identity, finds, repeats, edits, a second look. Refuses to know where
records come from and where they go.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from medcli.privacy.dicom.pseudonyms import Pseudonyms, UnknownSubject, basis_of
from medcli.privacy.text.fields import Fields
from medcli.privacy.text.finder import Finder
from medcli.privacy.text.finders import find_all
from medcli.privacy.text.formats.table import Table
from medcli.privacy.text.formats.token import Format, Token, Unfit, applied, spliced
from medcli.privacy.text.identities import LINKS, Identities, Patient, candidates, identifier
from medcli.privacy.text.known import Fact, Known
from medcli.privacy.text.merge import union
from medcli.privacy.text.recognisers import Recogniser
from medcli.privacy.text.replace import Context, Replacer
from medcli.privacy.text.runs import across, runs_of
from medcli.privacy.text.search import Removed, inside, origin_of, outside, repeats, shows
from medcli.privacy.text.span import Span
from medcli.privacy.text.surrogates import plain
from medcli.privacy.text.titles import Titles, spaced
from medcli.privacy.text.wishes import (
    Cleaned,
    Searched,
    Wish,
    all_of,
    goes_whole,
    holds_bytes,
    is_known,
    trimmed,
)

__all__ = ["Cleaned", "Cleaner", "Wish"]

#: Values of known fields longer than this are prose, which is searched and not replaced whole.
_LONGEST_VALUE = 120
#: Times that a text is looked at again after it was changed.
_ROUNDS = 3
#: A bare number of fewer characters is nobody's identifier, unless its field says so.
_SHORTEST_NUMBER = 4


class Cleaner:
    """Cleans the records of one file.

    Parameters
    ----------
    finder, recognisers
        Who finds; what recognisers of the user find is never vetoed.
    replacer
        What is written instead.
    names
        The run's pseudonyms, for the offsets of dates.
    fields
        Which strings are cleaned.
    identities
        The patients of the batch.
    general
        What is known and holds for every text.
    days
        The patient's date offset, where it is known; else it is drawn by whom the record names.
    """

    def __init__(
        self,
        finder: Finder,
        replacer: Replacer,
        names: Pseudonyms,
        *,
        fields: Fields,
        identities: Identities,
        general: Iterable[Fact] = (),
        recognisers: Sequence[Recogniser] = (),
        days: int | None = None,
    ) -> None:
        self._finder, self._replacer, self._names = finder, replacer, names
        self._fixed_days = days
        self._fields, self._identities = fields, identities
        self._general, self._recognisers = tuple(general), tuple(recognisers)
        self._known = lru_cache(maxsize=64)(Known)
        self._titles = Titles(finder)
        self._file = b""

    def clean(self, record: str, form: Format, *, first: bool) -> Cleaned:
        """Do one record.

        Parameters
        ----------
        record
            Its characters.
        form
            What they are.
        first
            Whether a file begins here.

        Raises
        ------
        Unfit
            ``name-identifies``, ``residue``, and as the format says.
        SafetyRefused
            A detector failed.
        """
        if first:
            self._file = b""
        if first and isinstance(form, Table):
            self._titled(record, form)
        tokens = form.tokens(record)
        facts = self._facts(tokens)
        patients = self._patients(tokens, facts)
        everything = (*self._general, *(one for each in patients for one in each.facts), *facts)
        known = Searched(self._known(everything))
        self._check_names(tokens, known)
        wishes = [Wish(token) for token in tokens if self._cleaned(token)]
        if any(holds_bytes(wish.token.text) for wish in wishes):
            raise Unfit("embedded-data")
        self._find(wishes, known)
        self._find_across(record, form, tokens, wishes, known)
        removed = self._removed(wishes)
        for wish in wishes if removed else ():
            if more := repeats(wish.token.text, removed):
                wish.spans = union([*wish.spans, *more], wish.token.text)
        self._edit(wishes, known, self._context(record, form, facts, patients, removed=removed))
        counts = Counter(
            (self._replacer.action(span.category), span.category) for wish in wishes for span in wish.spans
        )
        return Cleaned(_written(record, form, wishes), known, removed, wishes, counts)

    def prove(self, record: str, form: Format, cleaned: Cleaned) -> None:
        """Hold a record that was read back against what it should be, and search it for what had to go.

        Raises
        ------
        Unfit
            ``unsound`` or ``residue``.
        """
        wished = iter(cleaned.wishes)
        wish = next(wished, None)
        tokens, places = form.tokens(record), []
        for token in tokens:
            mine: list[tuple[int, int]] = []
            if wish is not None and token.text == wish.text and self._cleaned(token):
                mine = inside(wish.edits)
                wish = next(wished, None)
            places.append(mine)
            if cleaned.known or cleaned.removed:
                left = self._left(token.text, cleaned)
                if outside(left, mine, token.text) or shows(token.text, cleaned.removed, mine):
                    raise Unfit("residue")
        if wish is not None:
            raise Unfit("unsound")
        for run in runs_of(form.joins(record, tokens), tokens) if cleaned.known else ():
            for parts in across(run, self._left(run.text, cleaned)):
                if any(outside([span], places[number], tokens[number].text) for number, span in parts):
                    raise Unfit("residue")

    def _left(self, text: str, cleaned: Cleaned) -> list[Span]:
        """What is known and has to go, in a text."""
        return [span for span in cleaned.known.find(text) if self._goes(span)]

    def shows(self, record: str, form: Format, cleaned: Cleaned) -> bool:
        """Whether any string of a record still says what was removed from the one that it was made of."""
        tokens = form.tokens(record)
        return any(
            shows(token.text, cleaned.removed, ()) or self._left(token.text, cleaned) for token in tokens
        ) or any(
            True
            for run in runs_of(form.joins(record, tokens), tokens)
            for _ in across(run, self._left(run.text, cleaned))
        )

    def names(self, name: str) -> bool:
        """Whether the name of a file or folder says something of somebody."""
        return self._shows(spaced(name), Searched(self._known(self._general))) or any(
            True for _ in self._identities.of(candidates(name))
        )

    def _cleaned(self, token: Token) -> bool:
        if token.kind in ("name", "syntax"):
            return False
        known = bool(self._fields.category(token.path))
        if token.kind == "number" and len(token.text) < _SHORTEST_NUMBER and not known:
            return False
        return self._fields.chosen(token.path) or known

    def _titled(self, record: str, table: Table) -> None:
        """Take a table's first row for its titles, if it can be that and holds nothing that identifies."""
        titles = table.titles(record)
        if titles and not any(map(self._titles.speak, titles)):
            table.columns = titles

    def _facts(self, tokens: Iterable[Token]) -> tuple[Fact, ...]:
        """What the record's own fields say of its patient."""
        found = (
            (category, token.text)
            for token in tokens
            if token.kind not in ("name", "syntax")
            and len(token.text) <= _LONGEST_VALUE
            and (category := self._fields.category(token.path))
        )
        return tuple(dict.fromkeys(found))

    def _patients(self, tokens: Iterable[Token], facts: Iterable[Fact]) -> list[Patient]:
        """The patients of the batch that the record names by an identifier."""
        if not self._identities:
            return []
        links = [identifier(value) for category, value in facts if category in LINKS]
        links += [link for token in tokens if token.kind != "name" for link in candidates(token.text)]
        return self._identities.of(dict.fromkeys(links))

    def _check_names(self, tokens: Iterable[Token], known: Searched) -> None:
        for token in tokens:
            if token.kind == "name" and self._shows(token.text, known):
                raise Unfit("name-identifies")

    def _shows(self, name: str, known: Searched) -> bool:
        return bool(known.find(spaced(name))) or self._titles.speak(name)

    def _find(self, wishes: list[Wish], known: Searched) -> None:
        """Note what identifies in each string."""
        searched = []
        for wish in wishes:
            token = wish.token
            category = self._fields.category(token.path) if len(token.text) <= _LONGEST_VALUE else ""
            if category and token.text.strip():
                wish.spans = trimmed(Span(0, len(token.text), category, 1.0, "field"), token.text)
            elif token.kind == "number":
                wish.spans = all_of(known.find(token.text), token.text) if known else []
            else:
                searched.append(wish)
        self._search(searched, [wish.token.text for wish in searched], known)

    def _find_across(
        self, record: str, form: Format, tokens: Sequence[Token], wishes: Sequence[Wish], known: Searched
    ) -> None:
        """Note what identifies where mark-up takes it apart."""
        runs = list(runs_of(form.joins(record, tokens), tokens))
        if not runs:
            return
        mine = {wish.token.start: wish for wish in wishes}
        whole = [run.text for run in runs if run.sentence]
        found = iter(find_all(self._finder, self._recognisers, whole, known) if whole else ())
        for run in runs:
            for parts in across(run, next(found) if run.sentence else known.find(run.text)):
                touched = [(mine.get(tokens[number].start), span) for number, span in parts]
                if run.sentence or not all(wish and is_known(wish, span) for wish, span in touched):
                    for wish, span in touched:
                        if wish is not None and wish.token.kind != "number" and not goes_whole(wish):
                            wish.spans = union([*wish.spans, span], wish.token.text)

    def _search(self, wishes: Sequence[Wish], texts: Sequence[str], known: Searched) -> None:
        if not texts:
            return
        for wish, spans in zip(wishes, find_all(self._finder, self._recognisers, texts, known), strict=True):
            wish.spans = spans

    def _goes(self, span: Span) -> bool:
        return self._replacer.action(span.category) != "keep"

    def _removed(self, wishes: Iterable[Wish]) -> Removed:
        """(category, text) of all that goes, each once."""
        return Removed(
            dict.fromkeys(
                (span.category, wish.token.text[span.start : span.end])
                for wish in wishes
                for span in wish.spans
                if self._goes(span)
            )
        )

    def _context(
        self,
        record: str,
        form: Format,
        facts: Sequence[Fact],
        patients: Sequence[Patient],
        *,
        removed: Sequence[tuple[str, str]],
    ) -> Context:
        """Whose record it is, as far as that is known: one offset for the patient's dates, else one for the text."""
        patient_id = next((value for category, value in facts if category == "MRN"), "")
        linked = [one for one in patients if one.patient_id]
        same = [one for one in linked if identifier(one.patient_id) == identifier(patient_id)] or linked
        issuer = same[0].issuer if same else ""
        patient_id = same[0].patient_id if same else patient_id
        if not self._file or form.unit == "line":
            self._file = hashlib.sha256(record.encode("utf-8", "surrogatepass")).digest()
        basis = basis_of(patient_id, issuer, "", "") if patient_id else ("text", self._file.hex())
        people = [text for category, text in removed if category == "NAME"]
        avoid = {plain(text) for _, text in removed} | {
            plain(part) for text in people for part in text.split()
        }
        avoid |= {
            plain(part)
            for one in patients
            for _, value in one.facts
            for part in value.replace("^", " ").split()
        }
        return Context(self._days(basis), tuple(people), frozenset(avoid), issuer)

    def _days(self, basis: tuple[str, ...]) -> int:
        if self._fixed_days is not None:
            return self._fixed_days
        try:
            return self._names.days(basis)
        except UnknownSubject:
            raise Unfit("unknown-subject") from None

    def _edit(self, wishes: Sequence[Wish], known: Searched, context: Context) -> None:
        """Make the edits, and look again at what they made until nothing new is found."""
        waiting = [wish for wish in wishes if wish.spans]
        for wish in wishes:
            wish.text = wish.token.text
        for _ in range(_ROUNDS):
            for wish in waiting:
                wish.edits = self._replacer.edits(wish.token.text, wish.spans, context)
                wish.text = applied(wish.token.text, wish.edits)
            waiting = [wish for wish in waiting if self._again(wish, known)]
            if not waiting:
                return
        raise Unfit("residue")

    def _again(self, wish: Wish, known: Searched) -> bool:
        """Look at the new text; whether something was found outside what was put there, which is then added."""
        if wish.token.kind == "number" or goes_whole(wish):
            return False
        seen = Wish(wish.token)
        self._search([seen], [wish.text], known)
        new = outside([span for span in seen.spans if self._goes(span)], inside(wish.edits), wish.text)
        if not new:
            return False
        back = origin_of(wish.edits)
        moved = [replace(span, start=back(span.start), end=back(span.end - 1) + 1) for span in new]
        wish.spans = union([*wish.spans, *moved], wish.token.text)
        return True


def _written(record: str, form: Format, wishes: Iterable[Wish]) -> str:
    return spliced(record, (form.spelt(record, wish.token, wish.edits) for wish in wishes if wish.edits))
