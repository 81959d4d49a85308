"""Values that stand in for identifying ones, of the same kind and the same for the same original, from one key.

Names go part by part: the same surname gets the same surname wherever it stands, so that a person keeps one name over
a batch without any table. Knows ``surrogates.tsv`` and :class:`~medcli.privacy.dicom.pseudonyms.Pseudonyms`, so that
record numbers, accession numbers and UIDs become what they become in DICOM files. Refuses to keep what it replaced.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Collection, Sequence
from functools import cache

from medcli.privacy.dicom.pseudonyms import Pseudonyms, UnknownSubject, normal
from medcli.privacy.text.tables import rows

__all__ = ["Surrogates", "plain"]

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019\u02bc][^\W\d_]+)*")
#: What stands beside a name and says nothing of who it is.
_TITLES = frozenset(
    "dr drs mr mrs ms miss mx prof professor sir dame lady lord rev fr sr jr md do phd rn np pa dds mbbs"  # noqa: SIM905
    " ii iii iv herr frau monsieur madame mme señor señora sra signor signora and und et y".split()
)
_PARTICLES = frozenset(
    "van von de der den del della di da dos das du la le ter ten el al bin ibn zu zur af av".split()  # noqa: SIM905
)
_SCRIPTS = (
    ("HANGUL", "ko"), ("HIRAGANA", "ja"), ("KATAKANA", "ja"), ("CJK", "zh"), ("CYRILLIC", "ru"), ("GREEK", "el"),
    ("ARABIC", "ar"), ("HEBREW", "he"),
)  # fmt: skip
_TRIES = 64


def plain(text: str) -> str:
    """Letters and digits in lower case, without accents: what two spellings of a name have in common."""
    return "".join(one for one in unicodedata.normalize("NFKD", text.casefold()) if one.isalnum())


class Surrogates:
    """Makes stand-ins.

    Parameters
    ----------
    names
        The run's pseudonyms.
    """

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names

    def make(
        self,
        category: str,
        text: str,
        *,
        people: Sequence[str] = (),
        avoid: Collection[str] = (),
        issuer: str = "",
    ) -> str | None:
        """A stand-in for a find; None where there is none that is sure to be another.

        Parameters
        ----------
        category, text
            The find.
        people
            All names found in the same record: they say which part is which where one stands alone.
        avoid
            :func:`plain` of everything that identifies somebody in the record; no stand-in is one of these.
        issuer
            Of record numbers, where known.
        """
        made = self._made(category, text, people, avoid, issuer)
        return None if made is None or plain(made) in avoid or plain(made) == plain(text) else made

    def _made(
        self, category: str, text: str, people: Sequence[str], avoid: Collection[str], issuer: str
    ) -> str | None:
        if category == "NAME":
            return self._name(text, people, avoid)
        if category == "PLACE":
            return self._listed("place", text, avoid)
        if category == "FACILITY":
            place = self._listed("place", text, avoid)
            return place and f"{place} Hospital"
        if category == "MRN":
            try:
                return self._names.patient(("id", normal(text), normal(issuer)))
            except UnknownSubject:
                return None
        if category == "UID":
            return self._names.uid(text)
        if category in ("EMAIL", "URL", "IP"):
            return self._address(category, text)
        return self._alike(category, text, avoid)

    def _address(self, category: str, text: str) -> str:
        digest = self._names.digest("name", f"{category}\0{text.lower()}")
        word = base64.b32encode(digest[:5]).decode("ascii").lower()
        if category == "EMAIL":
            return f"{word}@example.org"
        if category == "URL":
            scheme = re.match(r"[a-z]+://", text, re.IGNORECASE)
            return f"{scheme[0] if scheme else ''}example.org/{word}"
        return f"2001:db8::{digest[:2].hex()}" if ":" in text else f"192.0.2.{1 + digest[0] % 254}"

    def _alike(self, category: str, text: str, avoid: Collection[str]) -> str | None:
        """Other digits for digits, other letters for letters; everything else as it is."""
        spelled = plain(text)
        if len(spelled) < 2:
            return None
        for attempt in range(_TRIES):
            made = self._letters(f"{category}\0{spelled}\0{attempt}", text)
            made = re.sub(r"^\d{3}", "000", made) if category == "SSN" else made
            made = _fictional(made) if category in ("PHONE", "FAX") else made
            if plain(made) not in avoid and plain(made) != spelled:
                return made
        return None

    def _letters(self, seed: str, text: str) -> str:
        number, parts = 0, []
        for at, sign in enumerate(text):
            if at % 16 == 0:
                number = int.from_bytes(self._names.digest("name", f"{seed}\0{at}"), "big")
            number, drawn = divmod(number, 2340)  # 2340 = 9 * 10 * 26
            if sign.isdigit():
                parts.append(str(1 + drawn % 9 if sign != "0" else drawn % 10))
            elif sign.isalpha():
                parts.append(chr((65 if sign.isupper() else 97) + drawn % 26))
            else:
                parts.append(sign)
        return "".join(parts)

    def _name(self, text: str, people: Sequence[str], avoid: Collection[str]) -> str | None:
        roles = _roles(text)
        if not roles:
            return None
        parts, last = [], 0
        for start, end, role in roles:
            word = text[start:end]
            if role == "alone":
                role = _role_in(word, people)  # noqa: PLW2901 - what it is among the record's names
            made = self._part(word, role, people, avoid)
            if made is None:
                return None
            parts += [text[last:start], _cased(word, made)]
            last = end
        return "".join([*parts, text[last:]])

    def _part(self, word: str, role: str, people: Sequence[str], avoid: Collection[str]) -> str | None:
        if len(word) == 1 and not _script(word):
            full = _of_initial(word, people)
            made = self._part(full, "given", (), avoid) if full else None
            return made[0] if made else self._letters(f"initial\0{word.lower()}", word)
        if role == "surname" and len(word) > 1 and _script(word) in ("zh", "ja", "ko"):
            return self._whole(word, avoid)
        culture, kind = _kind(word, role)
        return self._drawn(_pool(culture, kind), f"{culture}{kind}", plain(word), avoid)

    def _whole(self, word: str, avoid: Collection[str]) -> str | None:
        """Surname and given name, written as one word."""
        culture = _script(word)
        pools = ((_pool(culture, "s"), "s"), (_pool(culture, "u"), "u"))
        parts = [self._drawn(pool, f"{culture}{kind}", plain(word), avoid) for pool, kind in pools]
        return "".join(part for part in parts if part) or None

    def _listed(self, kind: str, text: str, avoid: Collection[str]) -> str | None:
        return self._drawn(tuple(row[0] for row in rows("surrogate_places")), kind, plain(text), avoid)

    def _drawn(self, pool: Sequence[str], kind: str, spelled: str, avoid: Collection[str]) -> str | None:
        for attempt in range(_TRIES):
            digest = self._names.digest("name", f"{kind}\0{spelled}\0{attempt}")
            made = pool[int.from_bytes(digest[:8], "big") % len(pool)]
            if plain(made) not in avoid and plain(made) != spelled:
                return made
        return None


def _fictional(phone: str) -> str:
    """A number of ten or eleven digits with an exchange that is nobody's: 555-01xx."""
    at = [place for place, sign in enumerate(phone) if sign.isdigit()]
    if len(at) not in (10, 11):
        return phone
    signs = list(phone)
    for place, digit in zip(at[-7:-2], "55501", strict=True):
        signs[place] = digit
    return "".join(signs)


def _roles(text: str) -> list[tuple[int, int, str]]:
    """The parts of a name that are to be replaced: where they stand, and whether given name, surname or alone."""
    words = [
        (match.start(), match.end())
        for match in _WORD.finditer(text)
        if plain(match[0]) not in _TITLES | _PARTICLES
    ]
    if len(words) == 1:
        return [(*words[0], "alone")]
    comma = next((at for at, sign in enumerate(text) if sign in ",^"), -1)
    if comma >= 0 and any(end <= comma for _, end in words):
        return [(start, end, "surname" if end <= comma else "given") for start, end in words]
    roles = [(*word, "surname") for word in words[-1:]]
    for start, end in reversed(words[:-1]):
        # Smith-Jones is one surname.
        joined = text[end : roles[-1][0]] == "-"
        roles.append((start, end, roles[-1][2] if joined else "given"))
    return roles[::-1]


def _role_in(word: str, people: Sequence[str]) -> str:
    """Given name or surname, by a fuller name of the same record, else by the lists."""
    spelled = plain(word)
    for name in people:
        for start, end, role in _roles(name):
            if role != "alone" and plain(name[start:end]) == spelled:
                return role
    kinds = {kind for _, kind in _uses().get(spelled, ())}
    return "given" if kinds and "s" not in kinds else "surname"


def _of_initial(letter: str, people: Sequence[str]) -> str:
    """The given name of the same record that begins with a letter, or the empty string."""
    for name in people:
        for start, end, role in _roles(name):
            if role == "given" and end - start > 1 and name[start].lower() == letter.lower():
                return name[start:end]
    return ""


def _kind(word: str, role: str) -> tuple[str, str]:
    """The culture and the list that a part's stand-in comes from: its own where they are known."""
    uses = _uses().get(plain(word), ())
    script = _script(word)
    if role == "surname":
        culture = next((culture for culture, kind in uses if kind == "s"), script or "en")
        return culture, "s"
    fitting = [use for use in uses if use[1] != "s"]
    genders = {kind for _, kind in fitting}
    if not fitting:
        return script or "en", "u"
    return fitting[0][0], genders.pop() if len(genders) == 1 else "u"


def _script(word: str) -> str:
    """The culture of a script that is not Latin; empty for Latin."""
    name = unicodedata.name(word[0], "")
    return next((culture for start, culture in _SCRIPTS if name.startswith(start)), "")


def _cased(old: str, new: str) -> str:
    if len(old) > 1 and old.isupper():
        return new.upper()
    return new.lower() if old.islower() else new


@cache
def _lists() -> dict[tuple[str, str], tuple[str, ...]]:
    return {(culture, kind): tuple(names.split()) for culture, kind, names in rows("surrogates")}


@cache
def _pool(culture: str, kind: str) -> tuple[str, ...]:
    lists = _lists()
    return lists[culture, "f"] + lists[culture, "m"] if kind == "u" else lists[culture, kind]


@cache
def _uses() -> dict[str, tuple[tuple[str, str], ...]]:
    """A name, plainly spelt, to the lists that hold it, in the table's order."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for use, names in _lists().items():
        for name in names:
            found[plain(name)] = (*found.get(plain(name), ()), use)
    return found
