"""What a released file says of its own de-identification, and the Part 10 frame around it.

Knows PS3.3 C.12.1.1.1 (method, codes) and C.12.1 (longitudinal information), PS3.10 7.1, CID 7050. Refuses to know
what was done: it is told.
"""

from __future__ import annotations

import struct

from medcli import __version__
from medcli.privacy import profiles
from medcli.privacy.dicom.encoding import EXPLICIT_LE, Encoding
from medcli.privacy.policy import CLEAN, RETAIN, Policy, Rule

__all__ = ["IMPLEMENTATION_UID", "codes_of", "file_meta", "mark_elements", "method_of"]

#: Our own Implementation Class UID: a UUID under 2.25, drawn once.
IMPLEMENTATION_UID = "2.25.137764298781864845762269429634425491861"
PROFILE_CODE = "113100"


def codes_of(policy: Policy, *, weakened: bool, pixels: bool = False, faces: bool = False) -> tuple[str, ...]:
    """The codes of CID 7050 for the work really done, in ascending order; `pixels`, `faces`: cleaned in the file."""
    codes = {RETAIN[name][1] for name in policy.retain} | {CLEAN[name] for name in policy.clean}
    if pixels:
        codes.add(CLEAN["pixel-data"])
    if faces:
        codes.add(CLEAN["visual-features"])
    if not weakened:
        codes.add(PROFILE_CODE)
    return tuple(sorted(codes))


def method_of(
    policy: Policy, *, weakened: bool, pixels: bool = False, faces: bool = False
) -> tuple[str, ...]:
    """The values of De-identification Method (0012,0063), each at most 64 characters."""
    method = [
        f"medcli {__version__}",
        f"PS3.15 {profiles.edition()} Table E.1-1",
        f"profile {policy.profile}",
    ]
    method += [f"retain {name}" for name in sorted(policy.retain)]
    method += [f"clean {name}" for name in sorted(policy.clean)]
    if pixels:
        method.append(f"clean pixel-data, fill {policy.look.fill}")
        method += [f"text kept in pixels: {name}" for name in policy.look.keep_text]
    if faces:
        method.append("clean visual-features: faces filled")
    if policy.pixels == "off":
        method.append("pixels not examined")
    if policy.rules:
        method.append("local rules that weaken the profile:" if weakened else "local rules:")
        method += [_named(rule) for rule in policy.rules]
    return tuple(method)


def _named(rule: Rule) -> str:
    """A rule as a value of (0012,0063): which attribute or creator, and what is done with it."""
    from pydicom.datadict import keyword_for_tag

    target = rule.target if rule.tag is None else keyword_for_tag(rule.tag) or rule.target
    return f"rule {target} {rule.action}".replace("\\", "/").encode("ascii", "replace").decode()[:64]


def mark_elements(
    encoding: Encoding,
    policy: Policy,
    *,
    weakened: bool,
    known: bool = False,
    dates: str = "",
    pixels: bool = False,
    faces: bool = False,
) -> tuple[bytes, bytes]:
    """The elements to set in: (0012,0062) to (0012,0064) together, and (0028,0303).

    Parameters
    ----------
    encoding
        The layout of the data set.
    policy
        What was asked for.
    weakened
        Whether a local rule keeps what the profile would not.
    known
        Whether one keeps who the patient is: (0012,0062) is then NO, as with pixels that nobody examined.
    dates
        Value of (0028,0303) where it is not the options': UNMODIFIED where a local rule keeps dates.
    pixels
        Whether the file's pixels were cleaned, and that was proved.
    faces
        Whether faces in them were filled, and looked for again.
    """
    meanings = profiles.code_meanings()
    removed = b"NO" if known or policy.pixels == "off" else b"YES"
    items = b"".join(
        encoding.item(
            encoding.element(0x00080100, "SH", code.encode())
            + encoding.element(0x00080102, "SH", b"DCM")
            + encoding.element(0x00080104, "LO", meanings[code].encode())
        )
        for code in codes_of(policy, weakened=weakened, pixels=pixels, faces=faces)
    )
    method = "\\".join(method_of(policy, weakened=weakened, pixels=pixels, faces=faces)).encode()
    first = encoding.element(0x00120062, "CS", removed) + encoding.element(0x00120063, "LO", method)
    if items:
        first += encoding.sequence(0x00120064, items)
    return first, encoding.element(0x00280303, "CS", (dates or policy.dates).encode())


def file_meta(sop_class: str, instance: str, syntax: str) -> bytes:
    """Preamble, prefix and a file meta group that holds what must be there and nothing else."""
    put = EXPLICIT_LE.element
    body = b"".join(
        (
            put(0x00020001, "OB", b"\0\1"),
            put(0x00020002, "UI", sop_class.encode()),
            put(0x00020003, "UI", instance.encode()),
            put(0x00020010, "UI", syntax.encode()),
            put(0x00020012, "UI", IMPLEMENTATION_UID.encode()),
            put(0x00020013, "SH", f"MEDCLI_{__version__}".encode()),
        )
    )
    return bytes(128) + b"DICM" + put(0x00020000, "UL", struct.pack("<I", len(body))) + body
