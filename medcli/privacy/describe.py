"""The profile in words: what would happen under the chosen options, to all and to one attribute.

Every number and reason is asked of the compiled table that the de-identifier itself works with; `medcli scrub
--dry-run` and the README print these lines. Refuses to know files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from medcli.errors import UsageError
from medcli.privacy import profiles
from medcli.privacy.dicom import codes
from medcli.privacy.dicom.decisions import Decision
from medcli.privacy.dicom.marks import codes_of
from medcli.privacy.dicom.table import Table
from medcli.privacy.outcome import Result
from medcli.privacy.pixels.policy import LOOKING
from medcli.privacy.policy import Policy
from medcli.privacy.spec import ScrubSpec

__all__ = ["explain", "explained", "words"]

_DONE = {
    "X": "is removed",
    "Z": "is emptied (or gets a dummy value where it may not be empty)",
    "D": "gets a dummy value",
    "U": "becomes a new UID derived from the key",
    "K": "is kept",
    "C": "is shifted by the patient's offset; times stay",
    "clean": "is kept with what identifies in it replaced; a sequence is kept, and its texts are cleaned",
    "keep": "is kept",
    "check": "is kept where its value is what it should be, else treated as text",
    "recurse": "is kept, and every attribute inside is treated by the same rules",
}
_PSEUDONYM = {
    codes.PATIENT_ID: "becomes the patient's pseudonym, derived from the key (or the study's identifier of --subjects)",
    codes.PATIENT_NAME: "becomes the patient's pseudonym, the same as the new Patient ID",
    codes.ACCESSION: "becomes a pseudonym derived from the key; empty stays empty",
}
_CLEANED = "is kept to the byte but for text that is found in it, which is overwritten"
_PIXELS = {
    "withhold": "is kept to the byte in files that pass the pixel gate; a file whose pixels may show text is withheld as a whole",
    "off": "is kept to the byte, not examined; the file is marked as not de-identified",
    "auto": f"{_CLEANED}, in files whose header gives a reason to look; else kept to the byte",
    "all": _CLEANED,
}
_AGES = "Ages over 89 years become 090Y."
_SHORT = {
    "X": "removed",
    "Z": "emptied",
    "D": "replaced by a dummy",
    "U": "replaced by a derived UID",
    "K": "kept",
    "C": "shifted",
    "clean": "cleaned",
}


def words(policy: Policy) -> list[str]:
    """What `policy` does, one sentence or two a line."""
    table = Table(policy)
    lines = [f"Profile {policy.profile}: {_profile(policy)}"]
    lines.append(_listed(table))
    lines.extend(_everywhere())
    lines.append(_unlisted(table))
    lines.extend(_cleaning(policy))
    lines.append(_private(policy))
    lines.append(_identity(policy))
    lines.append(_dates(policy))
    lines.append(_pixels(policy))
    lines.extend(_rules(policy, weakened=table.weakened))
    meanings = profiles.code_meanings()
    named = [f"{code} {meanings[code]}" for code in codes_of(policy, weakened=table.weakened)]
    lines.append(f"Marks in (0012,0064): {', '.join(named) or 'none'}.")
    lines.append(
        "Every written file is read again and searched for the source's identifying values; a hit withholds it."
    )
    return lines


def _profile(policy: Policy) -> str:
    kept = f", retaining {', '.join(sorted(policy.retain))}" if policy.retain else ""
    return (
        f"PS3.15 Basic Application Level Confidentiality Profile, Table E.1-1 of {profiles.edition()}{kept}."
    )


def _listed(table: Table) -> str:
    counts = Counter(table.decide(tag).action for tag in profiles.attributes())
    single = {name: counts.pop(name, 0) for name in ("X", "Z", "D", "U", "K", "C", "clean")}
    parts = [f"{count} {_SHORT[name]}" for name, count in single.items() if count]
    if rest := sum(counts.values()):
        parts.append(f"{rest} removed, emptied or replaced, as their Type in the file's IOD allows")
    return f"Of the {len(profiles.attributes())} attributes of the table: {', '.join(parts)}; at every depth."


def _everywhere() -> Iterator[str]:
    yield (
        "Always removed: overlays (60xx) and curves (50xx), group lengths, padding, bytes after the data set's end,"
        " attributes of no dictionary. The preamble is zeroed, the file meta group written anew."
    )


def _unlisted(table: Table) -> str:
    if table.strict:
        return (
            "Attributes outside the table: removed, emptied or replaced if they can hold text; code strings stay only"
            " where the standard defines the term; numbers stay; other UIDs are replaced."
        )
    return (
        f"Attributes outside the table: text stays in {len(profiles.technical())} attributes whose meaning is technical"
        " and goes everywhere else; numbers stay; code strings stay where they look like codes, but for"
        f" {len(profiles.free_terms())} attributes whose terms are free; other UIDs are replaced."
    )


def _cleaning(policy: Policy) -> Iterator[str]:
    if policy.clean:
        yield (
            f"Texts of the options {', '.join(sorted(policy.clean))}: kept, with what the file's own header says of the"
            " patient, and what rules and lists find, replaced; what can't be read or made clean is treated as without"
            " the option."
        )


def _private(policy: Policy) -> str:
    if "safe-private" in policy.retain:
        return (
            f"Private attributes: removed, but for {sum(1 for _ in profiles.rows('safe_private'))} of PS3.15 Table"
            " E.3.10-1, known by their creator."
        )
    return "Private attributes: removed."


def _identity(policy: Policy) -> str:
    uids = "stay" if "uids" in policy.retain else "become UIDs under 2.25"
    who = (
        "The patient's name and identifier become the study's own (--subjects); patients not listed are withheld"
        if policy.subjects is not None
        else "The patient's name and identifier become one pseudonym"
    )
    return (
        f"{who}; accession numbers become pseudonyms; UIDs of instances {uids}, in references too. All of it is derived"
        " from one key: the same key gives the same result anywhere."
    )


def _dates(policy: Policy) -> str:
    if policy.dates == "UNMODIFIED":
        return f"Dates and times: kept, but for dates of the person such as the birth date. {_AGES}"
    if policy.dates == "MODIFIED":
        low, high = policy.date_shift
        return (
            f"Dates: shifted by one offset a patient between {low} and {high} days, never zero; times stay; the birth"
            f" date goes. {_AGES}"
        )
    return f"Dates and times: removed, emptied or replaced. {_AGES}"


def _pixels(policy: Policy) -> str:
    if policy.pixels == "off":
        return "Pixels: not examined; every file is marked as not de-identified, (0012,0062) NO."
    if policy.pixels in LOOKING:
        which = "all files" if policy.pixels == "all" else "files whose header gives a reason to look"
        kept = "text of technique may stay" if policy.look.keep_text else "no text stays"
        return (
            f"Pixels: text in {which} is found by a detector and overwritten ({policy.look.fill}; {kept}); all other pixels"
            " stay as they are. A file in which text can still be read is withheld."
        )
    return (
        "Pixels: unchanged to the byte; files that say they hold burned-in text, or are of a kind that commonly does,"
        " are withheld."
    )


def _rules(policy: Policy, *, weakened: bool) -> Iterator[str]:
    if policy.rules:
        effect = "; they weaken the profile, so it is not claimed" if weakened else ""
        yield f"Local rules: {len(policy.rules)}{effect}."


def explained(name: str, policy: Policy) -> dict[str, object]:
    """What happens to the attribute of that keyword or tag, and why.

    Raises
    ------
    UsageError
        Where `name` is neither.
    """
    from pydicom.datadict import keyword_for_tag

    from medcli.privacy.lists import parse_tag

    tag = parse_tag(name)
    if tag is None:
        raise UsageError("That is no keyword of PS3.6 and no tag.", hint=_meant(name))
    facts: dict[str, object] = {
        "tag": f"({tag >> 16:04X},{tag & 0xFFFF:04X})",
        "keyword": keyword_for_tag(tag) or "",
        "vr": "/".join(codes.vrs_of(tag)),
    }
    return facts | _fate(tag, policy)


def _meant(name: str) -> str:
    """A hint that names the keyword that is nearest to `name`, whatever its case and signs."""
    from difflib import get_close_matches

    from pydicom._dicom_dict import DicomDictionary

    if name.lower().startswith("creator:"):
        return "A private attribute is named by its tag, as in 0019,100C."
    spellings = {
        "".join(filter(str.isalnum, text.lower())): entry[4]
        for entry in DicomDictionary.values()
        for text in (entry[2], entry[4])
        if entry[4]
    }
    near = get_close_matches("".join(filter(str.isalnum, name.lower())), spellings, n=1, cutoff=0.75)
    return f"Did you mean {spellings[near[0]]}?" if near else "As in PatientName or 0010,0010."


def _fate(tag: int, policy: Policy) -> dict[str, object]:
    table = Table(policy)
    if tag >> 16 == 2:
        return _said(
            "file meta",
            "is written anew: nothing of the source's group 0002 stays but the transfer syntax",
            "PS3.10 7.1",
        )
    if tag in codes.MARKS:
        return _said("mark", "is written anew: it says what was done", "PS3.15 E.1, PS3.3 C.12.1.1")
    if tag >> 16 & 1:
        return _private_fate(tag, policy)
    decision = table.decide(tag)
    pseudonym = _PSEUDONYM.get(table.code(tag, ""))
    if pseudonym:
        return _said("pseudonym", pseudonym, decision.why)
    if tag in codes.PIXEL_TAGS and decision.action == "keep":
        return _said("K", _PIXELS[policy.pixels], decision.why)
    if decision.action == "check" and codes.vrs_of(tag) == ("UI",):
        if tag in profiles.uid_classes():
            return _said(
                "check", "is kept where it is a UID at all", "not in Table E.1-1: names a class, no instance"
            )
        return _said("check", "is kept where it is registered, else becomes a new UID", decision.why)
    return _said(
        {"keep": "K", "clean": "C"}.get(decision.action, decision.action), _doing(decision), decision.why
    )


def _doing(decision: Decision) -> str:
    known = _DONE.get(decision.action)
    if known is not None:
        return known
    offered = [_SHORT[code] for code in decision.action.split("/")]
    choice = f"{', '.join(offered[:-1])} or {offered[-1]}"
    return f"is {choice}: the first that its Type in the file's IOD (3, 2, 1) allows"


def _private_fate(tag: int, policy: Policy) -> dict[str, object]:
    if "safe-private" in policy.retain:
        place = (f"{tag >> 16:04X}", f"{tag & 0xFF:02X}")
        listed = (row for row in profiles.rows("safe_private") if (row["group"], row["element"]) == place)
        creators = sorted({row["creator"] for row in listed})
        named = f" ({'; '.join(creators)})" if creators else " (none names this one)"
        return _said(
            "X",
            f"is removed, unless its block's creator is one whose element is known to be safe{named}",
            "PS3.15 E.3.10",
        )
    if any(rule.tag is None and rule.action == "K" for rule in policy.rules):
        return _said(
            "X", "is removed, unless a local rule keeps its creator", "PS3.15 Table E.1-1, private attributes"
        )
    return _said("X", "is removed", "PS3.15 Table E.1-1, private attributes")


def _said(action: str, what: str, why: str) -> dict[str, object]:
    return {"action": action, "what": what, "why": why}


def explain(spec: ScrubSpec) -> Result:
    """``medcli scrub --explain TAG``."""
    facts = explained(spec.explain, spec.policy())
    names = " ".join(str(facts[name]) for name in ("tag", "keyword", "vr") if facts[name])
    text = f"{names}\n  {facts['what']}\n  {facts['why']}"
    return Result(0, facts, text)
