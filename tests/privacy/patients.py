"""Generated patients, and the many ways in which people and machines write what is known of them.

Knows names, dates and numbers. Shares no code with ``medcli.privacy``, so that it can disagree with it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from hypothesis import strategies as st

GIVEN = [
    "Ottoline",
    "Jörg",
    "María José",
    "Wilhelmina",
    "Anne-Marie",
    "Bo",
    "Xiadani",
    "Brooke",
    "Søren",
    "Ngozi",
    "Zoë",
]
FAMILY = [
    "Quistgaard", "Vexelbaum", "Smith-Hartigan", "O'Shaughnessy", "Müllenhoff", "van der Strydonck", "Brown", "Ng",
    "Nguyen", "Kowalczyk", "Del Valle", "Young", "Dvořáček", "Ilk", "Barnsby",
]  # fmt: skip
PLACES = ["Sankt Brunnhild Hospital", "Vexcombe Regional Medical Center", "Praxis Dr. Hollerbusch"]
STREETS = ["751 Quillfeather Street, Vexcombe 52172", "Am Hollerbusch 7, 80331 Brunnhild"]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
CONFUSED = {
    "o": "0",
    "l": "1",
    "i": "1",
    "s": "5",
    "b": "8",
    "rn": "m",
    "O": "0",
    "I": "1",
    "S": "5",
    "B": "8",
}


@dataclass(frozen=True)
class Patient:
    """Who a study is about."""

    given: str
    family: str
    doctor: str
    year: int
    month: int
    day: int
    number: str
    accession: str
    place: str
    street: str

    @property
    def dicom(self) -> str:
        return f"{self.family}^{self.given}"

    @property
    def birth(self) -> str:
        return f"{self.year}{self.month:02d}{self.day:02d}"


def patients() -> st.SearchStrategy[Patient]:
    """Generate patients."""
    digits = st.text("0123456789", min_size=6, max_size=10).filter(
        lambda text: len(set(text.lstrip("0"))) > 2
    )
    return st.builds(
        Patient,
        st.sampled_from(GIVEN),
        st.sampled_from(FAMILY),
        st.sampled_from(["Ahlersmeyer^Karl^^Dr", "Young^Hester"]),
        st.integers(1921, 2019),
        st.integers(1, 12),
        st.integers(1, 28),
        digits.filter(lambda text: len(text.lstrip("0")) > 5),
        digits.map(lambda text: f"ACC{text}"),
        st.sampled_from(PLACES),
        st.sampled_from(STREETS),
    )


def bare(text: str) -> str:
    """Take off accents and case."""
    spread = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(char for char in spread if not unicodedata.combining(char))
    return letters.replace("ø", "o").replace("ß", "ss")


def parts(name: str) -> list[str]:
    """Give the words of a name, and pieces of those with hyphens, that have three letters and more."""
    words = [word for word in re.split(r"[\s^,-]+", name.replace("'", "")) if len(word) > 2]
    return [word for word in words if word.lower() not in {"van", "der", "del", "dr"}]


@st.composite
def name_forms(draw: st.DrawFn, given: str, family: str) -> str:
    """Write a name in one of its usual ways."""
    first = given.split(maxsplit=1)[0]
    form = draw(
        st.sampled_from(
            [
                f"{given} {family}",
                f"{family}, {given}",
                f"{family}^{given}",
                f"{family.upper()}^{given.upper()}",
                f"{first[0]}. {family}",
                f"{family} {first[0]}.",
                f"{family}, {first[0]}",
                f"Mr. {family}",
                f"{family}_{first}",
                f"{first}{family}".replace(" ", ""),
                f"{family}{first}".replace(" ", ""),
                f"{family}'s",
                f"Mrs {family}-{first}",
                f"{given.upper()} {family.upper()}",
                f"{family}/{given}",
            ]
        )
    )
    spelt = draw(st.sampled_from(["as it is", "bare", "decomposed", "spaces", "joined"]))
    if spelt == "bare":
        form = "".join(
            char for char in unicodedata.normalize("NFKD", form) if not unicodedata.combining(char)
        )
    elif spelt == "decomposed":
        form = unicodedata.normalize("NFD", form)
    elif spelt == "spaces":
        form = re.sub(r"(?<=\w)-(?=\w)", " ", form)
    elif spelt == "joined":
        form = re.sub(r"(?<=\w)['-](?=\w)", "", form)
    return form


@st.composite
def mistyped(draw: st.DrawFn, word: str) -> str:
    """Write a word of six letters and more with one letter wrong."""
    at = draw(st.integers(0, len(word) - 1))
    letter = draw(st.sampled_from("abcdefghkmnprtuvwxyz"))
    return draw(
        st.sampled_from(
            [word[:at] + word[at + 1 :], word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :]]
        )
    )


@st.composite
def misread(draw: st.DrawFn, word: str) -> str:
    """Write a word as optical reading would, with one confusion."""
    places = [(m.start(), old) for old in CONFUSED for m in re.finditer(old, word)]
    if not places:
        return word
    at, old = draw(st.sampled_from(places))
    return word[:at] + CONFUSED[old] + word[at + len(old) :]


@st.composite
def dates(draw: st.DrawFn, patient: Patient) -> str:
    """Write the date of birth in one of many spellings."""
    y, m, d = patient.year, patient.month, patient.day
    name = MONTHS[m - 1]
    return draw(
        st.sampled_from(
            [
                f"{y}{m:02d}{d:02d}",
                f"{y}-{m:02d}-{d:02d}",
                f"{y}/{m}/{d}",
                f"{y}.{m:02d}.{d:02d}",
                f"{m}/{d}/{y}",
                f"{m:02d}/{d:02d}/{y}",
                f"{d}.{m}.{y}",
                f"{d:02d}.{m:02d}.{y}",
                f"{d:02d}-{m:02d}-{y}",
                f"{d}/{m}/{y % 100:02d}",
                f"{m}/{d}/{y % 100:02d}",
                f"{d:02d}{m:02d}{y}",
                f"{m:02d}{d:02d}{y}",
                f"{d} {name} {y}",
                f"{name} {d}, {y}",
                f"{name[:3]} {d} {y}",
                f"{d}-{name[:3].upper()}-{y}",
                f"{d}{name[:3]}{y}",
                f"{d:02d} {m:02d} {y}",
                f"{d}. {m}. {y}",
                f"{name[:3]}-{d:02d}-{y % 100:02d}",
                f"{d}th of {name} {y}",
                f"{y} {name} {d}",
                f"{y}-{m:02d}-{d:02d}T10:30:00",
                f"{y}_{m:02d}_{d:02d}",
            ]
        )
    )


@st.composite
def numbers(draw: st.DrawFn, number: str) -> str:
    """Write a number with or without separators, spaces and leading zeros."""
    core = number.lstrip("0")
    half = len(core) // 2
    return draw(
        st.sampled_from(
            [
                number,
                core,
                f"00{core}",
                f"{core[:half]}-{core[half:]}",
                f"{core[:3]} {core[3:]}",
                f"{core[:2]}.{core[2:5]}.{core[5:]}",
                f"MRN{number}",
                f"#{core}",
                f"{core[:3]}/{core[3:]}",
                "-".join(core[i : i + 2] for i in range(0, len(core), 2)),
            ]
        )
    )


def near(one: str, other: str) -> bool:
    """Tell whether one edit makes one word of the other."""
    if abs(len(one) - len(other)) > 1:
        return False
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1] < 2


def survivors(text: str, patient: Patient, usual: frozenset[str]) -> list[str]:
    """Give the words of a text that are parts of the patient's or doctor's name, or one letter away from a long one.

    Words in `usual` are common language: they count only where they are capitalised, which the caller sees to.
    """
    wanted = [bare(part) for name in (patient.family, patient.given, patient.doctor) for part in parts(name)]
    words = [bare(word) for word in re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", text))]
    found = []
    for word in words:
        for part in wanted:
            exact = word in (part, part + "s") and part not in usual
            long = (
                len(part) > 5
                and part not in usual
                and (near(word, part) or part in word)
                and word not in usual
            )
            if exact or long:
                found.append(word)
    return found
