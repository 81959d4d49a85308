"""Damages planted files, scrubs them and judges the outcome, one seed a file; importable by worker processes.

Knows which survivors are no leak: where the damage itself made a canary a pixel, a code or technical text.
"""

from __future__ import annotations

import signal
import tempfile
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType

from medcli.privacy.dicom import Scrubber
from medcli.privacy.policy import Policy
from tests.privacy import build, recode, wire
from tests.privacy.canaries import Canary, leftovers
from tests.privacy.mutate import mutate
from tests.privacy.plant import plant
from tests.privacy.reference_rules import dictionary_vrs
from tests.privacy.reference_rules import tags as listed

KEY = bytes(range(32))
SECONDS = 20
PIXELS = 8 * 8 * 2
SAMPLES = {0x7FE00010: PIXELS, 0x54001010: 16}
PROFILES = ("strict", "basic")


@cache
def bases() -> tuple[tuple[bytes, tuple[Canary, ...]], ...]:
    """Plant the files to damage: every encoding, short pixels so that structure is what breaks."""
    ct = build.change(
        build.sample("CT_small.dcm"), {0x00280010: ("US", b"\x08\0"), 0x00280011: ("US", b"\x08\0")}
    )
    ct = build.change(ct, {0x7FE00010: ("OW", bytes(PIXELS)), 0xFFFCFFFC: None})
    plain = [recode.recode(ct, each) for each in (wire.EXPLICIT, wire.IMPLICIT, wire.BIG, wire.DEFLATED)]
    planted = [
        plant(data, charset)
        for data, charset in zip(plain, ("latin", "utf8", "kanji", "korean"), strict=True)
    ]
    explicit, canaries = planted[0]
    packed = recode.encapsulate(explicit, wire.RLE, [bytes(64) + bytes(100), bytes(50)])
    return tuple((data, tuple(found)) for data, found in [*planted, (packed, canaries), *planted[:1] * 3])


@cache
def scrubbers() -> tuple[Scrubber, ...]:
    """Make one scrubber a process for each profile."""
    return tuple(Scrubber(Policy(profile, pixels="off"), KEY) for profile in PROFILES)


def leaves(body: bytes, syntax: wire.Syntax) -> Iterator[tuple[int, bytes]]:
    """Give the tag and value of every element at every depth that is no sequence."""
    for each in wire.elements(body, syntax):
        known = dictionary_vrs(each.tag)
        if each.tag >> 16 == 0xFFFE or each.vr == "SQ" or (each.vr in {"", "UN"} and "SQ" in known):
            yield from leaves(each.value, wire.Syntax(implicit=True) if each.vr == "UN" else syntax)
        else:
            yield each.tag, each.value


def excused(out: bytes, canary: Canary, profile: int) -> bool:
    """Tell whether a canary stands only where the damage made it a pixel, or a code or technical text under basic."""
    file = wire.split(out)
    found = list(leaves(file.body, wire.syntax_of(file.transfer_syntax)))
    tags = {tag: len(value) for tag, value in found if any(form in value.lower() for form in canary.forms)}
    allowed = {tag for tag, size in tags.items() if size <= SAMPLES.get(tag, -1)}
    if PROFILES[profile] == "basic":
        allowed |= {tag for tag in tags if tag in listed("technical") or "CS" in dictionary_vrs(tag)}
    return bool(tags) and tags.keys() == allowed


def _late(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError


def attack(seed: int) -> tuple[str, str]:
    """Damage one file by its seed and scrub it; give the status, and what is wrong with it or nothing."""
    data, canaries = bases()[seed % len(bases())]
    damaged = mutate(data, seed)
    profile = seed // len(bases()) % 2
    signal.signal(signal.SIGALRM, _late)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        target = Path(folder) / "out.dcm"
        signal.alarm(SECONDS)
        try:
            scrubbed = scrubbers()[profile].scrub(damaged, target)
        except BaseException as error:  # noqa: BLE001 - whatever escapes is the finding
            return "error", f"seed {seed}: {type(error).__name__}"
        finally:
            signal.alarm(0)
        if target.exists() != (scrubbed.status == "released"):
            return scrubbed.status, f"seed {seed}: {scrubbed.status} and the file is {target.exists()}"
        if scrubbed.status != "released":
            return scrubbed.reason or scrubbed.status, ""
        out = target.read_bytes()
        left = [
            each for each in leftovers(out, canaries) if not (each.technical or excused(out, each, profile))
        ]
        return "released", f"seed {seed}: {sorted({each.place for each in left})}" if left else ""
