"""What a run leaves behind for people and for later checks, beside the release and apart from it.

``files.csv``, ``crosswalk.csv``, ``report.jsonl`` and ``summary.json`` go to the confidential folder, the manifest
stands beside the release. The manifest and ``report.jsonl`` hold no value of any file, no name and no time, so that
the same input gives the same bytes. Refuses to decide anything.
"""

from __future__ import annotations

import csv
import hmac
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from medcli import __version__
from medcli.files import atomic
from medcli.jobs import Row
from medcli.privacy import keys, profiles
from medcli.privacy.catalogue import Catalogue
from medcli.privacy.pixels.policy import LOOKING, PixelPolicy
from medcli.privacy.policy import Policy
from medcli.privacy.release import writing
from medcli.privacy.statements import RELEASED
from medcli.privacy.text.replace_policy import TextPolicy

__all__ = [
    "FORMAT",
    "checks",
    "is_manifest",
    "method",
    "write_account",
    "write_crosswalk",
    "write_lines",
    "write_manifest",
    "write_summary",
]

FORMAT = "medcli release 1"
_TIGHT = (",", ":")


def method(policy: Policy, *, texts: bool = False) -> dict[str, object]:
    """What was done, in facts that hold for every file of a release; `texts` says whether it holds any."""
    from medcli.privacy.dicom.marks import codes_of
    from medcli.privacy.dicom.table import Table

    table = Table(policy)
    weakened = table.weakened
    against = list(_against_safe_harbor(policy, weakened=weakened, texts=texts))
    return {
        "tool": f"medcli {__version__}",
        "table": f"PS3.15 {profiles.edition()} Table E.1-1",
        "profile": policy.profile,
        "retain": sorted(policy.retain),
        "clean": sorted(policy.clean),
        "pixels": policy.pixels,
        "local_rules": len(policy.rules),
        "weakened": weakened,
        "identity_kept": table.keeps_identity or policy.pixels == "off",
        "study_subjects": policy.subjects is not None,
        "codes": list(codes_of(policy, weakened=weakened)),
        "hipaa_safe_harbor": {"claimed": not against, "because": against},
        **({"text": text_method(policy.text)} if texts else {}),
        **({"pixel_text": pixel_method(policy.look)} if policy.pixels in LOOKING else {}),
    }


def pixel_method(policy: PixelPolicy) -> dict[str, object]:
    """What was done to text in pixels."""
    return {
        "detector": "rapidocr",
        "fill": policy.fill,
        "keep_text": list(policy.keep_text),
        "regions": len(policy.regions),
    }


def text_method(policy: TextPolicy) -> dict[str, object]:
    """What was done to texts."""
    from medcli.privacy.text.finder import Finder
    from medcli.privacy.text.recognisers import recognisers_of

    return {
        "finder": Finder(sensitivity="high" if policy.sensitivity == "high" else "balanced").version,
        "replaced_by": policy.table(),
        "fields": list(policy.fields),
        "known": bool(policy.known),
        "detectors": [wish.partition(":")[0] for wish in policy.detectors],
        "recognisers": len(recognisers_of(policy.recognisers)),
        "names_kept": policy.keep_names,
    }


def checks(policy: Policy, key: bytes) -> dict[str, object]:
    """Values that tell, to whoever has the key, whether it and the date shift are those of a release."""
    shift = f"date shift {policy.date_shift[0]}..{policy.date_shift[1]}".encode()
    shifted = {"date_shift_check": hmac.digest(key, shift, "sha256").hex()[:16]}
    return {"key": keys.check_of(key), **(shifted if policy.dates == "MODIFIED" else {})}


def _against_safe_harbor(policy: Policy, *, weakened: bool, texts: bool) -> Iterator[str]:
    """Why 45 CFR 164.514(b)(2) is not claimed."""
    reasons = {
        "full-dates": "dates are kept",
        "modified-dates": "dates are shifted, not removed",
        "uids": "unique identifiers are kept",
        "device-identity": "device identifiers are kept",
        "institution-identity": "places below a state are kept",
        "safe-private": "private attributes are kept",
    }
    yield from (reason for name, reason in reasons.items() if name in policy.retain)
    if policy.clean:
        yield "free text is kept after cleaning, and no rule finds everything in it"
    if weakened:
        yield "a local rule keeps what the profile would not"
    if policy.pixels == "off":
        yield "pixels were not examined"
    if policy.pixels in LOOKING:
        yield "text in pixels is found by a detector, which can miss some"
    if texts:
        yield "free text was cleaned by rules and lists, which can miss what identifies"
    if policy.subjects is not None:
        yield "the study's identifiers are its own; what they derive from is not known here"


def write_account(folder: Path, catalogue: Catalogue, run: int) -> None:
    """``files.csv``: what became of each file of the input, for whoever may know its name."""
    header = ("item", "source", "member", "output", "status", "reason")
    _write_csv(folder / "files.csv", header, catalogue.account(run))


def write_crosswalk(folder: Path, catalogue: Catalogue) -> None:
    """``crosswalk.csv``: old and new identifiers."""
    _write_csv(folder / "crosswalk.csv", ("kind", "id_old", "id_new"), catalogue.links())


@contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    """A file of the confidential folder; its draft lies where the next run sweeps."""
    drafts = path.parent / "notes"
    with writing("The confidential folder"), atomic(path, mode=0o600, drafts=drafts) as stream:
        yield stream


def _write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    with _private(path) as stream:
        text = io.TextIOWrapper(
            stream, encoding="utf-8", errors="surrogateescape", newline="", write_through=False
        )
        table = csv.writer(text, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
        text.flush()
        text.detach()


def write_lines(
    folder: Path, catalogue: Catalogue, run: int, rows: Iterable[tuple[int, Row]]
) -> dict[str, int]:
    """``report.jsonl``: a line a file, value-free: what was done to which attribute how often, or why nothing was.

    Gives how many released files had their pixels cleaned, and how many passed unseen.
    """
    pixels = {"cleaned": 0, "unseen": 0}
    with _private(folder / "report.jsonl") as stream:
        for (_, row), (key, status, reason, path) in zip(rows, catalogue.outcomes(run), strict=True):
            assert row.key == key
            line = json.dumps(
                {"item": key, "status": status, "reason": reason, "output": path}, separators=_TIGHT
            )
            facts, actions = _told(row.value)
            more = b',"actions":' + actions if status == RELEASED else b""
            if status == RELEASED:
                for kind in pixels:
                    pixels[kind] += b'"pixels-%s"' % kind.encode() in facts
                # Of plain pictures every one is looked at, where any is.
                pixels["cleaned"] += b'"route":"picture"' in facts
            stream.write(line[:-1].encode() + facts + more + b"}\n")
    return pixels


def _told(value: bytes) -> tuple[bytes, bytes]:
    """What a row's value tells the report: members of a JSON object, each after its comma, and the actions.

    A worker's value has three lines for a file that it read (see :mod:`medcli.privacy.worker`), one otherwise.
    """
    parts = value.split(b"\n")
    if len(parts) == 3:
        return (b"," + parts[1][1:-1] if parts[1] != b"{}" else b""), parts[2]
    known = json.loads(value) if value else {}
    told = {name: known[name] for name in ("error", "at") if name in known}
    return (b"," + json.dumps(told, separators=_TIGHT)[1:-1].encode() if told else b""), b"{}"


def write_summary(folder: Path, summary: Mapping[str, object]) -> None:
    """``summary.json``: the run in numbers."""
    with _private(folder / "summary.json") as stream:
        stream.write(json.dumps(summary, indent=2).encode() + b"\n")


def write_manifest(path: Path, facts: Mapping[str, object], catalogue: Catalogue, drafts: Path) -> None:
    """The manifest: the method, then a line a file in the order of paths.

    It is one JSON document, written and readable line by line however many files there are. Its draft lies in
    `drafts` until it is whole.
    """
    with writing("The manifest beside --output"), atomic(path, mode=0o644, drafts=drafts) as stream:
        head = json.dumps({"format": FORMAT, **facts}, indent=1)
        stream.write(head[:-2].encode() + b',\n "files": [')
        for number, entry in enumerate(_entries(catalogue)):
            stream.write((b",\n  " if number else b"\n  ") + json.dumps(entry).encode())
        stream.write(b"\n ]\n}\n")


def _entries(catalogue: Catalogue) -> Iterator[dict[str, object]]:
    """Released files and DICOMDIRs, merged by path."""
    import heapq

    directories = [
        {"path": path, "sha256": sha256, "size": size, "dicomdir": True}
        for path, sha256, size in catalogue.directories()
    ]
    files = (
        {"path": path, "sha256": sha256, "size": size}
        | ({kind: True} if kind else {})
        | ({"names_no_patient": True} if unnamed else {})
        | ({"series_in_two_studies": True} if split else {})
        for path, sha256, size, kind, unnamed, split in catalogue.released()
    )
    yield from heapq.merge(files, sorted(directories, key=_path), key=_path)


def _path(entry: Mapping[str, object]) -> str:
    return str(entry["path"])


def read_manifest(path: Path) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    """The method and, one by one, the entries of a manifest.

    Raises
    ------
    ValueError
        Where it is no manifest.
    """
    stream = path.open("rb")
    head = b""
    for line in stream:
        if line == b' "files": [\n':
            return json.loads(head.rstrip().rstrip(b",") + b"}"), _read_entries(stream)
        head += line
        if len(head) > 1 << 20:
            break
    stream.close()
    raise ValueError("no manifest")


def is_manifest(path: Path) -> bool:
    """Whether a file begins as a manifest does."""
    try:
        with path.open("rb") as stream:
            return stream.read(64).startswith(b'{\n "format": "medcli release ')
    except OSError:
        return False


def _read_entries(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    with stream:
        for line in stream:
            if line.startswith(b" ]"):
                return
            yield json.loads(line.strip().rstrip(b","))
    raise ValueError("the manifest ends early")
