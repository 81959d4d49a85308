"""``--verify``: check a release again, from its bytes and its manifest alone, or against the source too.

Knows what a release promises: every file as the manifest has it, marked as it says, its UIDs new and consistent. With
the source and the key it also searches each released file for the identities of the file it came from. Writes
nothing, and refuses to quote a value: a finding names a file of the release and an attribute.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli import console
from medcli.errors import InputError, SafetyRefused, UsageError
from medcli.files import content_hash
from medcli.privacy import keys, profiles, report
from medcli.privacy.layout import FileSets
from medcli.privacy.outcome import Result
from medcli.privacy.pixels.policy import LOOKING
from medcli.privacy.places import beside
from medcli.privacy.policy import CLEAN, Policy
from medcli.privacy.spec import ScrubSpec

if TYPE_CHECKING:
    from pydicom import Dataset

    from medcli.privacy.text.check import TextCheck

__all__ = ["verify"]

_WHOLE = 32 << 20
_SHOWN = 20
_META = frozenset((0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013))


@dataclass(slots=True)
class Findings:
    """What is wrong: (kind, path in the release, attribute) each; and what was looked at."""

    listed: list[tuple[str, str, str]] = field(default_factory=list)
    files: int = 0
    compared: int = 0

    def add(self, kind: str, path: str, attribute: str = "") -> None:
        """Note one finding."""
        self.listed.append((kind, path, attribute))

    def counts(self) -> dict[str, int]:
        """Findings by kind."""
        return dict(sorted(Counter(kind for kind, _, _ in self.listed).items()))


def verify(spec: ScrubSpec) -> Result:
    """Check a release.

    Returns
    -------
    Result
        Exit code 6 with a finding, else 0.

    Raises
    ------
    InputError
        Where there is no release, or no manifest beside it, or nothing of the release came from the source.
    UsageError
        Where the key or the tables are not those that the release was made with.
    """
    assert spec.verify is not None
    root, findings = spec.verify, Findings()
    method, entries = _manifest(root)
    inspection = Inspection(root, method, findings)
    try:
        for entry in entries:
            inspection.check(entry)
    except ValueError:
        raise InputError("The manifest beside the release is damaged.") from None
    inspection.end()
    if spec.source is not None:
        from medcli.privacy.prove import prove

        policy, key = _as_made(spec, method)
        findings.compared = prove(
            spec.source,
            root,
            policy,
            key,
            instances=inspection.instances,
            texts=inspection.texts,
            layout=str(method["layout"]),
            found=findings.add,
        )
        if (inspection.instances or inspection.texts) and not findings.compared and not findings.listed:
            raise InputError(
                "None of the released files has its source there, so nothing could be searched for.",
                hint="--source names what the release was made from, where it lay then.",
            )
    without = (
        len(inspection.instances) + len(inspection.texts) - findings.compared
        if spec.source is not None
        else 0
    )
    return _result(findings, method, searched=spec.source is not None, without=without)


def _manifest(root: Path) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    if not root.is_dir():
        raise InputError("The release does not exist.", hint="--verify names the folder that --output named.")
    try:
        method, entries = report.read_manifest(beside(root, "-manifest.json"))
    except FileNotFoundError:
        hint = "It is called RELEASE-manifest.json."
        raise InputError("There is no manifest beside the release.", hint=hint) from None
    except OSError as error:
        raise InputError(
            f"The manifest beside the release can't be read: {os.strerror(error.errno or 0)}.",
            hint="Give this account the right to read it, or run as one that has it.",
        ) from None
    except ValueError:
        raise InputError("The manifest beside the release is damaged.") from None
    if method.get("format") != report.FORMAT:
        raise InputError("The manifest beside the release was written by another version of medcli.")
    return method, entries


def _as_made(spec: ScrubSpec, method: dict[str, Any]) -> tuple[Policy, bytes]:
    """The policy and the key of the release, held against what the manifest says of them."""
    assert spec.key_file is not None
    key, wishes = keys.read(spec.key_file), spec.policy()
    if keys.check_of(key) != method["key"]:
        raise UsageError("The key is not the one that the release was made with.")
    if method["study_subjects"] != (wishes.subjects is not None):
        raise UsageError(
            "The release was made with --subjects; give the same file."
            if method["study_subjects"]
            else "The release was made without --subjects."
        )
    if method["local_rules"] != len(wishes.rules):
        raise UsageError("The release was made with other --rules.")
    policy = Policy(
        profile=method["profile"],
        retain=frozenset(method["retain"]),
        clean=frozenset(method["clean"]),
        pixels=method["pixels"],
        date_shift=wishes.date_shift,
        subjects=wishes.subjects,
        rules=wishes.rules,
        text=wishes.text,
    )
    if "text" in method and method["text"] != report.text_method(policy.text):
        raise UsageError(
            "The release was made with other options for texts, or by another version of medcli.",
            hint="Give the same --text-policy, --sensitivity, --fields, --known, --recognisers and --keep-names.",
        )
    if method.get("date_shift_check") != report.checks(policy, key).get("date_shift_check"):
        raise UsageError(
            "The release was made with another --date-shift.",
            hint="Give the same one; summary.json in the confidential folder names it.",
        )
    return policy, key


class Inspection:
    """Looks at the files of a release one after another and remembers what has to agree between them."""

    def __init__(self, root: Path, method: dict[str, Any], findings: Findings) -> None:
        self.instances: dict[str, str] = {}
        self._root, self._method, self._findings = root, method, findings
        self._seen: set[str] = set()
        self._directories: list[str] = []
        self._patients: dict[str, str] = {}
        self._studies: dict[str, str] = {}
        self._texts: TextCheck | None = None
        self.texts: set[str] = set()

    def check(self, entry: dict[str, Any]) -> None:
        """Hold one file against its line of the manifest and look into it."""
        path = entry["path"]
        self._seen.add(path)
        self._findings.files += 1
        place = self._root / path
        if os.path.islink(place):
            self._findings.add("changed", path)
            return
        try:
            whole = place.read_bytes() if entry["size"] <= _WHOLE else None
            digest = content_hash(place if whole is None else whole)
        except OSError as error:
            gone = isinstance(error, FileNotFoundError | NotADirectoryError)
            self._findings.add("missing" if gone else "unreadable", path)
            return
        if digest != entry["sha256"]:
            self._findings.add("changed", path)
        if entry.get("dicomdir"):
            self._directories.append(path)
            return
        if entry.get("picture"):
            if _more_than_a_picture(place.read_bytes() if whole is None else whole):
                self._findings.add("picture-metadata", path)
            return
        if entry.get("text"):
            self.texts.add(path)
            self._text(place if whole is None else whole, path)
            return
        header = _header(place if whole is None else whole)
        if header is None:
            self._findings.add("unreadable", path)
        else:
            self._marks(header, path)
            self._uids(header, path)
            self._belonging(header, entry)

    def _text(self, source: Path | bytes, path: str) -> None:
        """Look into a text: that it is what it was, and that nothing is found in it that was to be a tag or stars."""
        from medcli.privacy.text.check import TextCheck

        self._texts = self._texts or TextCheck(self._method["text"])
        kind = self._texts.look(source, path)
        if kind == "unreadable":
            self._findings.add("unreadable", path)
        elif kind:
            self._findings.add("text-residue", path)

    def _marks(self, header: Dataset, path: str) -> None:
        method = self._method
        expected = {
            "PatientIdentityRemoved": "NO" if method["identity_kept"] else "YES",
            "LongitudinalTemporalInformationModified": _dates(method["retain"]),
        }
        for keyword, value in expected.items():
            if header.get(keyword) != value:
                self._findings.add("mark", path, keyword)
        named = header.get("DeidentificationMethod") or ""
        first = named if isinstance(named, str) else named[0]
        if not str(first).startswith("medcli "):
            self._findings.add("mark", path, "DeidentificationMethod")
        codes = [
            str(item.get("CodeValue", "")) for item in header.get("DeidentificationMethodCodeSequence") or []
        ]
        cleaned = CLEAN["pixel-data"] in codes
        if cleaned and (method["pixels"] not in LOOKING or header.get("BurnedInAnnotation") != "NO"):
            self._findings.add("mark", path, "BurnedInAnnotation")
        if CLEAN["visual-features"] in codes and header.get("RecognizableVisualFeatures") != "NO":
            self._findings.add("mark", path, "RecognizableVisualFeatures")
        seen = (
            CLEAN["pixel-data"],
            CLEAN["visual-features"],
        )  # a file has these only if its own pixels were cleaned
        if [code for code in codes if code not in seen] != method["codes"]:
            self._findings.add("mark", path, "DeidentificationMethodCodeSequence")

    def _uids(self, header: Dataset, path: str) -> None:
        meta = header.file_meta
        instance = str(header.get("SOPInstanceUID", ""))
        strange = {int(element.tag) for element in meta} - _META
        if any(header.preamble or b"\1") or strange:
            self._findings.add("file-meta", path)
        if meta.get("MediaStorageSOPInstanceUID") != instance or not instance:
            self._findings.add("uid", path, "MediaStorageSOPInstanceUID")
        if meta.get("MediaStorageSOPClassUID") != header.get("SOPClassUID"):
            self._findings.add("uid", path, "MediaStorageSOPClassUID")
        if self.instances.setdefault(instance, path) != path:
            self._findings.add("uid", path, "SOPInstanceUID")
        if "uids" not in self._method["retain"] and not self._method["local_rules"]:
            for tag in sorted(set(_old_uids(header))):
                self._findings.add("old-uid", path, f"({tag >> 16:04X},{tag & 0xFFFF:04X})")

    def _belonging(self, header: Dataset, entry: dict[str, Any]) -> None:
        """One patient a study, one study a series, but where the source itself was not so clear."""
        study, series, patient = (
            str(header.get(name, "")) for name in ("StudyInstanceUID", "SeriesInstanceUID", "PatientID")
        )
        named = study and not entry.get("names_no_patient")
        if named and self._patients.setdefault(study, patient) != patient:
            self._findings.add("two-patients", entry["path"], "PatientID")
        single = series and not entry.get("series_in_two_studies")
        if single and self._studies.setdefault(series, study) != study:
            self._findings.add("uid", entry["path"], "SeriesInstanceUID")

    def end(self) -> None:
        """Look for files that the manifest does not know, and for DICOMDIRs that list others than there are."""
        known = {folder for path in self._seen for folder in _above(path)}
        for folder, folders, names in os.walk(self._root):
            inside = os.path.relpath(folder, self._root)
            for name in sorted(folders + names):
                path = name if inside == "." else f"{inside}/{name}"
                if path not in (self._seen if name in names else known) or (
                    name in folders and os.path.islink(f"{folder}/{name}")
                ):
                    self._findings.add("not-in-manifest", path)
        for path in self._directories:
            start = path[: -len("DICOMDIR")]
            below = {one[len(start) :] for one in self._seen if one.startswith(start) and one != path}
            # What has no legal File ID, as files of a file-set inside this one, can't be listed.
            if _listed(self._root / path) != set(filter(FileSets.is_file_id, below)):
                self._findings.add("dicomdir", path)


def _more_than_a_picture(data: bytes) -> bool:
    """Whether a picture can't be read, or holds anything besides its pixels."""
    from medcli.privacy.pixels.picture_kinds import HEAD, UnfitPicture, recognise
    from medcli.privacy.pixels.picture_residue import holds_more

    kind = recognise(data[:HEAD])
    try:
        return not kind or holds_more(kind, data, ())
    except UnfitPicture:
        return True


def _above(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _dates(retained: list[str]) -> str:
    return Policy(retain=frozenset(retained)).dates


def _header(source: Path | bytes) -> Dataset | None:
    """All but the pixels; None where pydicom can't read it."""
    from pydicom import dcmread

    try:
        header = dcmread(BytesIO(source) if isinstance(source, bytes) else source, stop_before_pixels=True)
        _ = header.file_meta.TransferSyntaxUID
    except Exception:  # noqa: BLE001 - whatever it raises, the file can't be read, and its words may quote values
        return None
    return header


def _old_uids(header: Dataset) -> Iterator[int]:
    """Tags of UIDs, at any depth, that are neither new, nor registered, nor those of a class."""
    classes = profiles.uid_classes()
    for element in header.iterall():
        if element.VR == "UI" and element.tag not in classes and element.value:
            values = [element.value] if isinstance(element.value, str) else list(element.value)
            if any(value and not value.startswith(("2.25.", "1.2.840.10008.")) for value in values):
                yield int(element.tag)


def _listed(path: Path) -> set[str]:
    from pydicom import dcmread

    try:
        records = dcmread(path).DirectoryRecordSequence
        ids = [record.ReferencedFileID for record in records if "ReferencedFileID" in record]
    except Exception:  # noqa: BLE001 - as in _header
        return set()
    return {one if isinstance(one, str) else "/".join(one) for one in ids}


def _result(findings: Findings, method: dict[str, Any], *, searched: bool, without: int) -> Result:
    listed = [{"kind": kind, "path": path, "attribute": where} for kind, path, where in findings.listed]
    facts = {
        "files": findings.files,
        "compared_with_source": findings.compared if searched else None,
        "without_source": without if searched else None,
        "findings": listed,
        "exit_code": SafetyRefused.exit_code if findings.listed else 0,
        "profile": method["profile"],
        "tool": method["tool"],
    }
    rows = [("files", f"{findings.files:,}")]
    rows += [("compared with their source", f"{findings.compared:,}")] if searched else []
    rows += [("no source there: not searched", f"{without:,}")] if without else []
    rows.append(("findings", f"{len(findings.listed):,}"))
    rows += [(f"  {kind}", f"{count:,}") for kind, count in findings.counts().items()]
    lines = [console.table(rows)]
    lines += [" ".join(part for part in one if part) for one in findings.listed[:_SHOWN]]
    if (more := len(listed) - _SHOWN) > 0:
        lines.append(f"... and {more:,} more: --json lists them all")
    return Result(6 if findings.listed else 0, facts, "\n".join(lines))
