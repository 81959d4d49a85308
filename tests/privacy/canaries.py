"""Plants identities that must not survive, and looks for them again.

Knows every place of a DICOM file where text can hide and plants there on bytes, because pydicom would refuse or
repair much of it. Refuses to know which places the profiles treat how; it only says which are technical.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.privacy import wire

CHARSETS = {
    "latin": ("ISO_IR 100", "latin-1"),
    "utf8": ("ISO_IR 192", "utf-8"),
    "kanji": ("\\ISO 2022 IR 87", "iso2022_jp"),
    "korean": ("\\ISO 2022 IR 149", "korean"),
}
LETTERS = {
    "latin": "ÅßñöÆþçéØüâÐ",
    "utf8": "ΩЖčłőşğŞΔЮęŮ",
    "kanji": "鷹梶霧鶴嶺槙楠榊椿萩蕗鮎",
    "korean": "홍길동김희중박철수영진우",
}
ROOT = "1.2.826.0.1.3680043.8.498.7731"


class Canary(NamedTuple):
    """One planted identity: its ``text``, every byte ``forms`` of it, where it lies, and whether it is technical."""

    text: str
    forms: tuple[bytes, ...]
    place: str
    technical: bool
    kind: str


def encode(text: str, charset: str) -> bytes:
    """Write ``text`` in one of ``CHARSETS``, with the escapes of ISO 2022 where it needs them."""
    codec = CHARSETS[charset][1]
    if codec != "korean":
        return text.encode(codec)
    return text.encode("ascii") if text.isascii() else b"\x1b$)C" + text.encode("euc_kr")


def _bare(text: str, codec: str) -> bytes:
    """Encode without escape sequences, as a search must find it between them."""
    data = text.encode(codec)
    return data.removeprefix(b"\x1b$B").removesuffix(b"\x1b(B")


def forms(text: str) -> tuple[bytes, ...]:
    """Give every spelling in bytes under which ``text`` counts as found, lower case for ASCII letters."""
    found = set()
    for spelling in {text, text.upper(), text.lower(), unicodedata.normalize("NFD", text)}:
        for codec in (
            "latin-1",
            "utf-8",
            "utf-16-le",
            "utf-16-be",
            "iso2022_jp",
            "shift_jis",
            "euc_jp",
            "euc_kr",
        ):
            try:
                found.add(_bare(spelling, codec).lower())
            except UnicodeEncodeError:
                continue
    return tuple(sorted(found))


@dataclass
class Planter:
    """Makes canaries one by one and remembers them; ``first`` is the first serial number."""

    charset: str = "latin"
    syntax: wire.Syntax = wire.PLAIN
    serial: int = 0
    canaries: list[Canary] = field(default_factory=list)

    def _note(self, text: str, place: str, kind: str, technical: bool = False) -> str:
        self.canaries.append(Canary(text, forms(text), place, technical, kind))
        return text

    def text(self, place: str, *, technical: bool = False) -> bytes:
        """Make a word such as ``CNRY0007KEMO`` that occurs nowhere else."""
        self.serial += 1
        tail = "".join(
            ("BDFGKLMNPRSTVZ"[self.serial * k % 14] + "AEIOU"[self.serial // k % 5]) for k in (3, 5)
        )
        return self._note(f"CNRY{self.serial:04d}{tail}", place, "text", technical).encode("ascii")

    def national(self, place: str, charset: str = "") -> bytes:
        """Make a word of four letters of the character set, in its bytes."""
        self.serial += 1
        letters = LETTERS[charset or self.charset]
        picks = (
            self.serial % 12,
            self.serial // 12 % 12,
            (self.serial * 7 + self.serial // 144) % 12,
            self.serial * 5 % 12,
        )
        text = "".join(letters[pick] for pick in picks)
        return encode(self._note(text, place, "text"), charset or self.charset)

    def name(self, place: str, charset: str = "") -> bytes:
        """Make a person's name: ASCII family name, national given name, and an ideographic group."""
        charset = charset or self.charset
        first, second = self.text(place), self.national(place, charset)
        if charset in {"kanji", "korean"}:
            return first + b"^Taro=" + second
        return first + b"^" + second

    def date(self, place: str) -> bytes:
        """Make a date between 1901 and 1960 that no other place has."""
        self.serial += 1
        year, month, day = 1901 + self.serial % 60, 1 + self.serial % 12, 10 + self.serial % 18
        for text in (f"{year}-{month:02d}-{day}", f"{year}.{month:02d}.{day}", f"{day}.{month:02d}.{year}"):
            self._note(text, place, "spelling")
        return self._note(f"{year}{month:02d}{day}", place, "date").encode("ascii")

    def uid(self, place: str) -> bytes:
        """Make a UID under a root that is not registered with DICOM."""
        self.serial += 1
        return self._note(f"{ROOT}.{self.serial}9{self.serial * 7919 % 99991:05d}", place, "uid").encode(
            "ascii"
        )

    def value(self, kind: str, place: str, *, technical: bool = False) -> bytes:
        """Make the value of one line of ``canaries.tsv``."""
        if kind == "datetime":
            return self.date(place) + b"101112.345678+0100"
        if kind == "time":
            self.serial += 1
            return self._note(
                f"2317{self.serial % 60:02d}.8374{self.serial % 100:02d}", place, "time"
            ).encode("ascii")
        if kind == "phrase":
            return self.text(place) + b" smith^jane"
        if kind in {"date", "uid", "name"}:
            return {"date": self.date, "uid": self.uid, "name": self.name}[kind](place)
        if kind == "own" and place == "patient name":
            return self.name(place)
        return self.text(place, technical=technical)

    def element(self, tag: int, vr: str, value: bytes) -> bytes:
        """Write one element in the file's syntax."""
        return wire.element(tag, vr, value, self.syntax)


def table() -> list[tuple[int, str, str, bool, str]]:
    """Read ``canaries.tsv``: tag, VR, kind, technical, place."""
    lines = (Path(__file__).parent / "canaries.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")][1:]
    return [(int(tag, 16), vr, kind, technical == "1", place) for tag, vr, kind, technical, place in rows]


def haystacks(data: bytes) -> list[bytes]:
    """Give the bytes to search: the file, and what its deflated data set inflates to."""
    stacks = [data.lower()]
    try:
        file = wire.split(data)
    except Exception:  # noqa: BLE001 - damaged in whatever way: search it as it is
        return stacks
    if file.transfer_syntax == wire.DEFLATED:
        stacks.append(file.body.lower())
    return stacks


def planes(data: bytes) -> list[bytes]:
    """Give each bit of the 16-bit words of native pixels as packed bytes, where an embedded overlay could be read."""
    import numpy as np

    pixels = next(each.value for each in wire.elements(wire.split(data).body) if each.tag == 0x7FE00010)
    words = np.frombuffer(pixels, "<u2")
    return [
        np.packbits((words >> bit & 1).astype(np.uint8), bitorder="little").tobytes() for bit in range(16)
    ]


def leftovers(data: bytes, canaries: Iterable[Canary], *, bits: bool = False) -> list[Canary]:
    """Give the canaries that ``data`` still holds in any spelling; ``bits`` looks into bit planes too."""
    stacks = haystacks(data)
    if bits:
        stacks += [plane.lower() for plane in planes(data)]
    return [each for each in canaries if any(form in stack for form in each.forms for stack in stacks)]
