"""Planted identities that medcli and others leave behind, and what they keep of a CT's 108 public attributes.

The canaries are those of the test suite: every place of a file where text can hide, three levels deep, in four
character sets. Each tool gets one file a character set that holds all of them; a tool that can't take such a file
gets the same canaries apart, a file for each top-level attribute, so that one attribute costs it one file only.
What a tool does not release can't leave anything.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import sets
from benchmarks.contenders import Contender, medcli, peers
from benchmarks.machine import machine, sentence
from benchmarks.measure import run
from benchmarks.table import keep, table, verdict
from tests.privacy import build, wire
from tests.privacy.canaries import CHARSETS, Canary, leftovers
from tests.privacy.plant import plant

HEAD = (
    "program",
    "files released",
    "canaries left",
    "of them technical",
    "old UIDs left",
    "attributes there",
    "unchanged",
    "bar",
    "met",
)
THERE_BAR, PUBLIC = 80, 108
Planted = tuple[bytes, list[Canary]]


@dataclass(slots=True)
class Residue:
    """What one program left, over all files; `left` and `planted` hold (character set, place)."""

    name: str
    given: int = 0
    released: int = 0
    planted: set[tuple[str, str]] = field(default_factory=set)
    left: set[tuple[str, str]] = field(default_factory=set)
    technical: set[tuple[str, str]] = field(default_factory=set)
    uids: set[tuple[str, str]] = field(default_factory=set)
    there: int | None = None
    unchanged: int | None = None

    def add(self, charset: str, canaries: list[Canary], source: bytes, released: bytes | None) -> None:
        """Count what a release still holds; the other spellings of a date count with the date."""
        self.given += 1
        self.planted |= {(charset, each.place) for each in leftovers(source, canaries) if each.kind != "uid"}
        if released is None:
            return
        self.released += 1
        for each in leftovers(released, canaries):
            found = (charset, f"{each.place} ({each.kind})" if each.kind == "uid" else each.place)
            (self.uids if each.kind == "uid" else self.left).add(found)
            if each.technical:
                self.technical.add(found)


def examine(contender: Contender, planted: dict[str, Planted]) -> Residue:
    """Run a program over the files and read what it wrote."""
    residue = Residue(contender.name)
    for charset, (data, canaries) in planted.items():
        residue.add(charset, canaries, data, result(contender, data))
    if not residue.released:
        residue = Residue(contender.name)
        charset, (data, canaries) = next(iter(planted.items()))
        for piece in apart(data):
            residue.add(charset, canaries, piece, result(contender, piece))
    full = build.full_ct()
    released = result(contender, full)
    if released is not None:
        residue.there, residue.unchanged = kept(full, released)
    return residue


def apart(data: bytes) -> list[bytes]:
    """A planted file as one file for each of its planted attributes; one more holds the planted file meta."""
    base, file = wire.split(build.sample("CT_small.dcm")), wire.split(data)
    plain = {each.tag: each.raw for each in wire.elements(base.body) if not each.tag >> 16 & 1}
    files = [wire.join(file._replace(body=b"".join(plain.values())))]
    for each in wire.elements(file.body):
        if plain.get(each.tag) != each.raw and each.tag != 0x00080005:
            parts = plain | {each.tag: each.raw}
            files.append(wire.join(base._replace(body=b"".join(parts[tag] for tag in sorted(parts)))))
    return files


def result(contender: Contender, data: bytes) -> bytes | None:
    """What a program makes of one file; None where it writes nothing."""
    with tempfile.TemporaryDirectory(prefix="medcli-bench-") as place:
        source, output = sets.one(Path(place) / "in", data), Path(place) / "out"
        if contender.peer:
            output.mkdir()
        run(contender.command(source, output))
        path = next((path for path in sorted(output.rglob("*")) if path.is_file()), None)
        return None if path is None else path.read_bytes()


def kept(source: bytes, released: bytes) -> tuple[int, int]:
    """How many public attributes of the source the release still has, and how many have the very value."""
    from pydicom import dcmread
    from pydicom.filebase import DicomBytesIO

    old, new = dcmread(DicomBytesIO(source)), dcmread(DicomBytesIO(released), force=True)
    there = [each for each in old if not each.tag.is_private and each.tag in new]
    return len(there), sum(new[each.tag].value == each.value for each in there)


def shown(each: Residue) -> list[object]:
    strict = "strict" in each.name
    clean = not (each.left - each.technical or each.uids or (strict and each.technical))
    verdicts = ["yes" if clean else "NO"]
    if not strict and each.there is not None:
        verdicts.append(verdict(each.there, THERE_BAR))
    return [
        each.name,
        f"{each.released} of {each.given}",
        f"{len(each.left)} of {len(each.planted)}",
        len(each.technical),
        len(each.uids),
        "-" if each.there is None else each.there,
        "-" if each.unchanged is None else each.unchanged,
        "0" if strict else f"0 but technical, {THERE_BAR}",
        ", ".join(verdicts),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path, help="virtual environment that holds the peers")
    parser.add_argument("--places", action="store_true", help="also name each place where something was left")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    arguments = parser.parse_args()
    facts = machine()
    planted = {charset: plant(build.sample("CT_small.dcm"), charset) for charset in CHARSETS}
    with tempfile.TemporaryDirectory(prefix="medcli-bench-") as scratch:
        others, missing = peers(arguments.peers, Path(scratch))
        own = [medcli(1, name="medcli basic"), medcli(1, "--profile", "strict", name="medcli strict")]
        found = [examine(each, planted) for each in [*own, *others]]
    print(f"Residues. {sentence(facts)}; one CT in {len(planted)} character sets\n")
    print(table(HEAD, [shown(each) for each in found]))
    print(
        f"\nAttributes: of {PUBLIC} public ones of a CT. Many files released: the tool got the canaries apart."
    )
    for each in found if arguments.places else []:
        print(f"{each.name}: {', '.join(sorted({place for _, place in each.left | each.uids}))}")
    print("\n".join(missing))
    keep(
        arguments.json,
        "scrub_residue",
        {"machine": facts, "rows": [row(each) for each in found], "missing": missing},
    )


def row(each: Residue) -> dict[str, object]:
    """The facts about one program, as JSON takes them."""
    return {
        "program": each.name,
        "given": each.given,
        "released": each.released,
        "planted": len(each.planted),
        "left": len(each.left),
        "technical": len(each.technical),
        "uids": len(each.uids),
        "there": each.there,
        "unchanged": each.unchanged,
        "places": sorted({place for _, place in each.left | each.uids}),
    }


if __name__ == "__main__":
    main()
