"""Write medcli/privacy/text/surrogates.tsv anew from the person names of Faker (MIT licence).

For maintainers: `python tools/surrogate_names.py` in an environment that has Faker. The table is packed so that a
surrogate stays the same whatever version of Faker, or none, is installed.
"""

from __future__ import annotations

import importlib
import re
import unicodedata
from pathlib import Path

import faker

TARGET = Path(__file__).parents[1] / "medcli/privacy/text/surrogates.tsv"
MOST = 120
#: Culture -> Faker's locales, the first that has a list wins; one word each, in the culture's own script.
CULTURES = {
    "en": "en_US", "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "it": "it_IT", "pt": "pt_BR", "nl": "nl_NL",
    "sv": "sv_SE", "da": "da_DK", "pl": "pl_PL", "cs": "cs_CZ", "hu": "hu_HU", "fi": "fi_FI", "tr": "tr_TR",
    "vi": "vi_VN", "in": "en_IN", "ru": "ru_RU", "uk": "uk_UA", "el": "el_GR", "ar": "ar_AA", "fa": "fa_IR",
    "he": "he_IL", "zh": "zh_CN", "ja": "ja_JP", "ko": "ko_KR",
}  # fmt: skip
LISTS = {
    "f": ("first_names_female",),
    "m": ("first_names_male",),
    "s": ("unisex_last_names", "last_names_male", "last_names"),
}
WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")


def words(provider: type, names: tuple[str, ...]) -> list[str]:
    """The list's single words, in its own order of frequency where it has one, else sorted."""
    for name in names:
        found = getattr(provider, name, None)
        if found:
            ordered = list(found) if isinstance(found, dict) else sorted(set(found))
            if isinstance(found, dict):
                ordered.sort(key=lambda one: (-found[one], one))
            else:
                step = max(1, len(ordered) // MOST)
                ordered = ordered[::step]
            kept = (unicodedata.normalize("NFC", one) for one in ordered if WORD.fullmatch(one))
            return list(dict.fromkeys(kept))[:MOST]
    return []


def main() -> None:
    """Write the table."""
    head = (
        "# Names that stand in for names: a culture's given names of women (f) and men (m), and surnames (s)\n"
        f"# source: Faker {faker.VERSION}, provider person of {', '.join(CULTURES.values())}. Licence: MIT,"
        " Copyright (c) 2012 Daniele Faraglia\n"
        "# edition: packed by tools/surrogate_names.py. date: 2026-11-21\n"
        "culture\tkind\tnames\n"
    )
    lines = []
    for culture, locale in CULTURES.items():
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        lines += [f"{culture}\t{kind}\t{' '.join(words(provider, names))}\n" for kind, names in LISTS.items()]
    TARGET.write_text(head + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
