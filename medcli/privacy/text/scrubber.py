"""One text file in, one released file or a reason out.

Knows the order of the work: what it is, its records, each cleaned, written, read back from the disk and searched.
Memory stays flat: a batch of records is held, and no more. Refuses to know where files come from and how many there
are.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from medcli.errors import SafetyRefused
from medcli.privacy.text.cleaner import Cleaned, Cleaner
from medcli.privacy.text.fields import Fields
from medcli.privacy.text.finders import finder_of
from medcli.privacy.text.formats.reading import Reading, opened
from medcli.privacy.text.formats.token import Unfit
from medcli.privacy.text.identities import Identities
from medcli.privacy.text.known import Fact
from medcli.privacy.text.recognisers import recognisers_of
from medcli.privacy.text.replace import Replacer

if TYPE_CHECKING:
    from medcli.privacy.dicom.pseudonyms import Pseudonyms
    from medcli.privacy.text.replace_policy import TextPolicy
    from medcli.privacy.text.span import Detector

__all__ = ["ScrubbedText", "TextScrubber"]

#: Characters of records that are written, read back and searched together.
_BATCH = 1 << 20
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)


@dataclass(slots=True)
class ScrubbedText:
    """What became of one text; holds no value of it.

    Attributes
    ----------
    status
        ``released``, ``withheld`` or ``ignored`` (no text).
    reason
        Reason code of a text that was not released.
    format
        ``text``, ``jsonl``, ``json``, ``table`` or ``xml``.
    suffix
        How its released name ends.
    records
        How many records it has.
    attribute
        For ``residue``, ``name-identifies`` and the like: which record.
    digest
        SHA-256 of the source.
    sha256, size
        Of the released file.
    actions
        JSON of counts by action and category.
    notes
        For a verification: the released path that was compared.
    """

    status: str
    reason: str = ""
    format: str = ""
    suffix: str = ""
    records: int = 0
    attribute: str = ""
    digest: bytes = b""
    sha256: str = ""
    size: int = 0
    actions: str = "{}"
    notes: tuple[str, ...] = ()


class TextScrubber:
    """Cleans texts under one policy and one key; one a process.

    Parameters
    ----------
    policy
        What is found, what replaces it.
    names
        The run's pseudonyms.
    identities
        The file that says who the patients of the batch are.
    detectors
        Asked beside rules and lists; one that fails withholds the file. Default: those that the policy names.

    Raises
    ------
    UsageError, SetupError
        Where a detector can't be loaded.
    """

    def __init__(
        self,
        policy: TextPolicy,
        names: Pseudonyms,
        identities: str | None = None,
        detectors: Iterable[Detector] | None = None,
    ) -> None:
        self._policy, self._names = policy, names
        subjects: dict[str, list[Fact]] = {}
        for subject, category, value in policy.known:
            subjects.setdefault(subject, []).append((category, value))
        self._general = tuple(subjects.pop("", ()))
        self._identities = Identities(
            identities, {subject: tuple(facts) for subject, facts in subjects.items()}
        )
        self._finder = finder_of(policy, detectors)
        self._recognisers = recognisers_of(policy.recognisers)
        self._replacer = Replacer(policy, names)

    def close(self) -> None:
        """Close the identities."""
        self._identities.close()

    def look(self, source: bytes | Path | str, name: str) -> ScrubbedText | None:
        """What becomes of a file that is no text, or none that can be cleaned; None for one that can."""
        result = ScrubbedText("withheld")
        try:
            stream, reading = opened(source, name, self._policy.encoding)
        except Unfit as unfit:
            result.reason = unfit.reason
        except OSError:
            result.reason = "unreadable"
        else:
            stream.close()
            if reading.is_text:
                return None
            result = ScrubbedText("ignored", reading.reason or "not-dicom")
        return result

    def names_somebody(self, path: str) -> bool:
        """Whether any component of a path says something of somebody."""
        cleaner = self._cleaner(Fields())
        return any(cleaner.names(part.rpartition(".")[0] or part) for part in path.split("/"))

    def scrub(self, source: bytes | Path | str, target: Path | str | None, name: str) -> ScrubbedText:
        """Clean one file.

        Parameters
        ----------
        source
            A path, or the bytes of an archive's member.
        target
            Where the result is written, read back and searched; it is removed again where it is not to be released.
            None: nothing is written, and the result is searched in memory.
        name
            The file's own name: its ending is looked at where the content leaves a choice.

        Returns
        -------
        ScrubbedText
            Never an exception for what is wrong with the file itself.

        Raises
        ------
        OSError
            Where `target` can't be written.
        """
        result = self.look(source, name)
        if result is not None:
            return result
        result = ScrubbedText("withheld")
        stream, reading = opened(source, name, self._policy.encoding)
        with stream:
            result.format, result.suffix = reading.format.name, reading.format.suffix
            self._into(result, reading, target)
        return result

    def suffix(self, source: bytes | Path | str, name: str) -> str:
        """How the released name of a text ends."""
        stream, reading = opened(source, name, self._policy.encoding)
        stream.close()
        return reading.format.suffix

    def left(self, source: bytes | Path | str, name: str, released: Path) -> str:
        """Search a released text for what had to go from its source.

        Returns
        -------
        str
            ``residue``, ``unsound`` where it is not that text's, ``text-not-examined`` where a detector failed, or
            nothing.
        """
        cleaner = self._cleaner(Fields(self._policy.fields, self._policy.known_fields))
        try:
            old, reading = opened(source, name, self._policy.encoding)
            new, again = opened(released, name, self._policy.encoding)
            with old, new:
                pairs = itertools.zip_longest(reading.records(), again.records())
                for number, (record, mine) in enumerate(pairs):
                    if record is None or mine is None:
                        return "unsound"
                    cleaned = cleaner.clean(record, reading.format, first=not number)
                    if cleaner.shows(mine, reading.format, cleaned):
                        return "residue"
        except (Unfit, OSError):
            return "unsound"
        except SafetyRefused:
            return "text-not-examined"
        return ""

    def _into(self, result: ScrubbedText, reading: Reading, target: Path | str | None) -> None:
        try:
            with _Product(target, reading) as product:
                self._records(result, reading, product)
                result.sha256, result.size = product.digest.hexdigest(), product.size
                result.digest = reading.digest
                result.status, result.reason = "released", ""
        except Unfit as unfit:
            result.reason = unfit.reason
            result.attribute = f"record {result.records}" if result.records else ""
        except SafetyRefused:
            result.reason = "text-not-examined"
        finally:
            if result.status != "released" and target is not None:
                with suppress(FileNotFoundError):
                    os.unlink(target)

    def _records(self, result: ScrubbedText, reading: Reading, product: _Product) -> None:
        fields = Fields(self._policy.fields, self._policy.known_fields)
        cleaner = self._cleaner(fields)
        counts: Counter[tuple[str, str]] = Counter()
        batch: list[Cleaned] = []
        waiting = 0
        for record in reading.records():
            result.records += 1
            cleaned = cleaner.clean(record, reading.format, first=result.records == 1)
            counts += cleaned.counts
            batch.append(cleaned)
            waiting += len(record)
            if waiting >= _BATCH:
                self._prove(cleaner, reading, product, batch)
                batch, waiting = [], 0
        self._prove(cleaner, reading, product, batch)
        if fields.missing and reading.format.name != "text":
            result.records = 0
            raise Unfit("field-not-found")
        result.actions = _summary(counts)

    def _prove(self, cleaner: Cleaner, reading: Reading, product: _Product, batch: list[Cleaned]) -> None:
        """Write a batch, read it back and search what was read."""
        lengths = [len(cleaned.record) for cleaned in batch]
        text = product.put("".join(cleaned.record for cleaned in batch))
        if len(text) != sum(lengths):
            raise Unfit("unsound")
        at = 0
        for cleaned, length in zip(batch, lengths, strict=True):
            cleaner.prove(text[at : at + length], reading.format, cleaned)
            at += length

    def _cleaner(self, fields: Fields) -> Cleaner:
        return Cleaner(
            self._finder,
            self._replacer,
            self._names,
            fields=fields,
            identities=self._identities,
            general=self._general,
            recognisers=self._recognisers,
        )


class _Product:
    """The file that is being written, and read back."""

    def __init__(self, target: Path | str | None, reading: Reading) -> None:
        self.digest = hashlib.sha256(reading.mark)
        self.size = 0
        self._codec = reading.encoding.codec
        self._mark = reading.mark
        self._target = target
        self._file = -1

    def __enter__(self) -> Self:
        if self._target is not None:
            self._file = os.open(self._target, _FLAGS, 0o666)
        self._write(self._mark)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file >= 0:
            os.close(self._file)

    def put(self, text: str) -> str:
        """Append a text; return what is read back for it."""
        try:
            data = text.encode(self._codec)
        except UnicodeEncodeError:
            raise Unfit("undecodable-text") from None
        start = self.size
        self._write(data)
        self.digest.update(data)
        if self._file < 0:
            return data.decode(self._codec)
        back = b"".join(self._read(start, len(data)))
        try:
            return back.decode(self._codec)
        except UnicodeDecodeError:
            raise Unfit("unsound") from None

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while self._file >= 0 and view:
            view = view[os.write(self._file, view) :]
        self.size += len(data)

    def _read(self, start: int, size: int) -> Iterator[bytes]:
        while size and (data := os.pread(self._file, size, start)):
            yield data
            start, size = start + len(data), size - len(data)


def _summary(counts: Counter[tuple[str, str]]) -> str:
    """Counts by action and category as compact JSON."""
    table: dict[str, dict[str, int]] = {}
    for (action, category), count in sorted(counts.items()):
        table.setdefault(action, {})[category] = count
    return json.dumps(table, separators=(",", ":"))
