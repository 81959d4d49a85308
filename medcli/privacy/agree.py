"""What a rerun has to agree on with what is there: the options, the subjects, the release itself.

Knows what is noted in the catalogue and what stands at --output. What is noted holds no identity: keys, rules and
subjects are noted as keyed hashes. Refuses to change a release.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from medcli.errors import SetupError, UsageError
from medcli.privacy import keys, profiles, report
from medcli.privacy.catalogue import Catalogue
from medcli.privacy.places import CATALOGUE, Places
from medcli.privacy.policy import Policy
from medcli.privacy.release import Staging
from medcli.privacy.spec import ScrubSpec
from medcli.settings import fingerprint

__all__ = ["KEYED", "facts_of", "name_of", "on_key", "on_options", "on_places", "on_release", "on_subjects"]

#: Options whose values are told where they differ.
_TOLD = ("profile", "retain", "clean", "pixels", "layout")
#: What :func:`facts_of` gives as hashes by the key.
KEYED = ("rules", "known", "recognisers")
_STRANGE = "--output is not empty and is no release that this confidential folder knows."


def facts_of(spec: ScrubSpec, policy: Policy, key: bytes) -> dict[str, object]:
    """What shapes a release, JSON-able: the Spec's options, with the key and the rules instead of their paths."""
    rules = json.dumps([(rule.target, rule.action) for rule in policy.rules]).encode()
    return fingerprint(spec) | {
        "retain": sorted(policy.retain),
        "date-shift": list(policy.date_shift),
        "key-file": keys.check_of(key),
        "rules": hmac.digest(key, rules, "sha256").hex()[:16],
        "subjects": policy.subjects is not None,
        "text-policy": policy.text.table(),
        "known": _mark(key, policy.text.known) if policy.text.known else "",
        "recognisers": _mark(key, policy.text.recognisers) if policy.text.recognisers else "",
        "edition of the table": profiles.edition(),
    }


def _mark(key: bytes, value: object) -> str:
    """A keyed hash of what may not be noted itself."""
    return hmac.digest(key, json.dumps(value).encode(), "sha256").hex()[:16]


def on_places(places: Places) -> None:
    """Refuse to write where other things are, before anything is made.

    Raises
    ------
    UsageError
        Where --output is no folder, or holds what no release of ours can hold; where a folder of others would become
        the confidential one, or a file of others would be replaced by the manifest.
    SetupError
        Where this account may not look there.
    """
    for name, place in (("--output", places.output), ("--confidential", places.confidential)):
        seen = _seen(name, place)
        if seen is not None and not stat.S_ISDIR(seen.st_mode):
            raise UsageError(f"{name} is a file.", hint="Give a folder.")
    known = _seen("--confidential", places.confidential / CATALOGUE) is not None
    if not known and _filled("--output", places.output):
        raise UsageError(_STRANGE, hint="Give another folder, or the release's own --confidential.")
    if not known and _shared(places.confidential):
        raise UsageError(
            "--confidential holds other things, and others than its owner may enter it.",
            hint="Give a folder of its own, or take the others' rights away (chmod 700).",
        )
    if os.path.lexists(places.manifest) and not report.is_manifest(places.manifest):
        raise UsageError(
            "Where the manifest belongs, beside --output, there is a file that medcli did not write.",
            hint="Move it, or give another --output.",
        )


def on_key(places: Places) -> None:
    """Refuse to draw another key for a release that has one.

    Raises
    ------
    SetupError
        Where the release was begun and its key is not there, or nobody can tell.
    """
    if not keys.is_there(places.key) and (places.confidential / CATALOGUE).exists():
        raise SetupError(
            "The key of this release is missing.",
            hint="Restore it from your backup, or name it with --key-file. Without it the release can't grow.",
        )


def _seen(name: str, place: Path) -> os.stat_result | None:
    """What stands at a place; None where there is nothing."""
    try:
        return os.stat(place)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _closed(name, error) from None


def _filled(name: str, folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(True for _ in entries)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _closed(name, error) from None


def _closed(name: str, error: OSError) -> SetupError:
    return SetupError(
        f"{name} can't be looked into: {os.strerror(error.errno or 0)}.",
        hint="Run as the account that made the release, or give another place.",
    )


def _shared(folder: Path) -> bool:
    seen = _seen("--confidential", folder)
    return seen is not None and bool(seen.st_mode & 0o077) and _filled("--confidential", folder)


def name_of(catalogue: Catalogue) -> str:
    """A name of the release for its ledger, so that two releases never share one; drawn once."""
    name = catalogue.fact("name") or secrets.token_hex(8)
    catalogue.note("name", name)
    return name


def on_options(catalogue: Catalogue, facts: Mapping[str, object]) -> None:
    """Hold the options against those that the release was begun with, or note them.

    Raises
    ------
    UsageError
        Which names the options that differ.
    """
    ours = {name: json.dumps(value, sort_keys=True) for name, value in facts.items()}
    theirs: dict[str, str] = json.loads(catalogue.fact("options") or "{}")
    others = [name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]
    if "key-file" in others:  # these are noted as hashes by the key
        others = [name for name in others if name not in KEYED]
    if theirs and others:
        raise UsageError(
            f"The release was begun with another setting of: "
            f"{', '.join(_differing(name, theirs.get(name), ours.get(name)) for name in others)}.",
            hint="Repeat the setting, or give another --output: one release is made in one way.",
        )
    catalogue.note("options", json.dumps(ours))


def _differing(name: str, theirs: str | None, ours: str | None) -> str:
    """An option and, where they are words of the command line, both its values."""
    if name not in _TOLD or theirs is None or ours is None:
        return name
    shown = [
        " ".join(value) or "none" if isinstance(value, list) else str(value)
        for value in map(json.loads, (theirs, ours))
    ]
    return f"{name} (release: {shown[0]}, now: {shown[1]})"


def on_release(catalogue: Catalogue, staging: Staging, *, restart: bool) -> None:
    """Hold the release against what is known of it; with `restart`, what is missing in it may be made anew.

    Raises
    ------
    UsageError
        Where it is another folder, or the release is gone.
    """
    filled = staging.filled()
    if filled and not any(map(staging.has, catalogue.some_released(100))):
        raise UsageError(_STRANGE, hint="Give another folder, or the release's own --confidential.")
    if catalogue.anything_published() and not filled and not restart:
        raise UsageError(
            "The release that the confidential folder speaks of is not at --output.",
            hint="Put it back, or make it anew with --restart.",
        )
    if restart:
        catalogue.unsettle()


def on_subjects(catalogue: Catalogue, policy: Policy, key: bytes) -> None:
    """Subjects may be added from run to run; one that was listed may not become another.

    Raises
    ------
    UsageError
        Where one did.
    """

    def mark(*parts: object) -> str:
        return hmac.digest(key, "\x1f".join(map(str, parts)).encode(), "sha256").hex()[:32]

    marks = {
        mark(*patient): mark(subject.subject_id, subject.days)
        for patient, subject in (policy.subjects or {}).items()
    }
    if not catalogue.agree_on_subjects(marks):
        raise UsageError(
            "The subjects file gives a patient another identifier or offset than in an earlier run.",
            hint="Give that patient what was given before, or begin another release.",
        )
