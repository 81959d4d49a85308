"""Checks over instruction data that exists: LLaVA-Med's files and our own formats, row by row, in flat memory.

Knows how files lie on disk. The input is never written to; a repair goes to another file, in the input's own form.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

from medcli.errors import ItemFailed, UsageError
from medcli.files import atomic
from medcli.instruct.checks import rows
from medcli.instruct.checks.mending import mend
from medcli.instruct.checks.settings import Settings
from medcli.instruct.sample import Finding, Sample
from medcli.reading import values
from medcli.records import Caption

Lookup = Callable[[str], Caption | None]
"""The caption that a sample of this id was made from, or None."""

Also = Callable[[Sample], Iterable[Finding]]
"""What else a sample must not be, as :meth:`medcli.instruct.decontamination.Tests.findings`; nothing of it is mended."""

WHAT = "file of instruction data"


@dataclass(slots=True)
class Checked:
    """What became of a file.

    Attributes
    ----------
    samples : int
        Rows of the file.
    clean, mended, rejected : int
        They add up to `samples`.
    pairs, pairs_dropped : int
        Questions with their answers in what was kept whole or in part, and those that mending dropped.
    without_caption : int
        Samples whose caption was looked for and not found: rule ``leak`` says nothing of them.
    rules : dict
        By rule, how many samples break it.
    unreadable : dict
        By reason, how many rows could not be read; they are among `rejected`.
    """

    samples: int = 0
    clean: int = 0
    mended: int = 0
    rejected: int = 0
    pairs: int = 0
    pairs_dropped: int = 0
    without_caption: int = 0
    rules: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As the report has it; rules that broke most first."""
        ordered = dict(sorted(self.rules.items(), key=lambda one: (-one[1], one[0])))
        return asdict(self) | {"rules": ordered}


def check_file(
    path: Path, captions: Lookup | None = None, settings: Settings | None = None, *, also: Also | None = None
) -> Checked:
    """Check every sample of a file and write nothing.

    Parameters
    ----------
    path : Path
        A JSON array or JSON lines, of rows as :mod:`.rows` knows them.
    captions : callable, optional
        Finds the caption of a sample by its id; without it rule ``leak`` finds nothing.
    settings : Settings, optional
        The default ones where None.
    also : callable, optional
        Further findings, for which a sample is rejected.

    Raises
    ------
    InputError
        If the file cannot be read to its end.
    """
    told = Checked()
    for outcome in _outcomes(path, captions, settings or Settings(), also):
        _count(told, outcome)
    return told


def repair_file(
    path: Path,
    output: Path,
    captions: Lookup | None = None,
    settings: Settings | None = None,
    *,
    rejected: Path | None = None,
    also: Also | None = None,
) -> Checked:
    """Write what can be kept, and what cannot with the rules that it breaks.

    Parameters
    ----------
    path, captions, settings, also
        As of :func:`check_file`.
    output : Path
        An array where the input is one, else JSON lines; whole or not at all.
    rejected : Path, optional
        JSON lines of ``row`` (its number in the input), ``id``, ``rules`` and ``value``.

    Raises
    ------
    UsageError
        If one of the files would be another one of them.
    InputError
        As :func:`check_file`.
    """
    _apart(path, output, rejected)
    told = Checked()
    with ExitStack() as stack:
        kept = _Writer(stack.enter_context(atomic(output)), array=_is_array(path))
        lost = _Writer(stack.enter_context(atomic(rejected))) if rejected else None
        for outcome in _outcomes(path, captions, settings or Settings(), also):
            _count(told, outcome)
            if outcome.kept is not None:
                kept.write(outcome.kept)
            elif lost is not None:
                lost.write(_rejected(outcome))
        kept.close()
    return told


class _Outcome(NamedTuple):
    number: int
    value: Any
    kept: Any
    findings: tuple[Finding, ...] = ()
    unreadable: str = ""
    pairs: tuple[int, int] = (0, 0)  # before and after
    captioned: bool = True


def _outcomes(
    path: Path, captions: Lookup | None, settings: Settings, also: Also | None
) -> Iterator[_Outcome]:
    for number, value, error in values(path, WHAT):
        if error:
            yield _Outcome(number, value, None, unreadable=error)
            continue
        try:
            row = rows.read(value)
        except ItemFailed as failed:
            yield _Outcome(number, value, None, unreadable=failed.kind)
            continue
        yield _outcome(number, row, captions, settings, also)


def _outcome(
    number: int, row: rows.Row, captions: Lookup | None, settings: Settings, also: Also | None
) -> _Outcome:
    sample = row.sample
    caption = None
    if captions is not None:
        caption = captions(sample.sample_id) or captions(rows.stem(sample.image))
    tokens = () if "picture-token" in settings.off else row.findings
    rest, found = mend(sample, caption, settings)
    more = tuple(also(sample)) if also is not None else ()
    findings = (*tokens, *found, *more)
    pairs = len(sample.turns) // 2, len(rest.turns) // 2 if rest is not None and not more else 0
    captioned = captions is None or caption is not None
    if rest is None or more:
        return _Outcome(number, row.value, None, findings, pairs=pairs, captioned=captioned)
    kept = row.value if not findings else rows.written(row, rest)
    return _Outcome(number, row.value, kept, findings, pairs=pairs, captioned=captioned)


def _count(told: Checked, outcome: _Outcome) -> None:
    told.samples += 1
    told.without_caption += not outcome.captioned
    if outcome.unreadable:
        told.unreadable[outcome.unreadable] = told.unreadable.get(outcome.unreadable, 0) + 1
    for rule in {one.rule for one in outcome.findings}:
        told.rules[rule] = told.rules.get(rule, 0) + 1
    if outcome.kept is None:
        told.rejected += 1
        return
    told.pairs += outcome.pairs[1]
    if outcome.findings:
        told.mended += 1
        told.pairs_dropped += outcome.pairs[0] - outcome.pairs[1]
    else:
        told.clean += 1


def _rejected(outcome: _Outcome) -> dict[str, Any]:
    rules = dict(Counter(one.rule for one in outcome.findings)) or {outcome.unreadable: 1}
    number = outcome.value.get("id") if isinstance(outcome.value, dict) else None
    return {"row": outcome.number, "id": number, "rules": rules, "value": outcome.value}


class _Writer:
    """Rows one by one, as lines or within one array."""

    def __init__(self, stream: IO[bytes], *, array: bool = False) -> None:
        self._stream, self._array, self._any = stream, array, False

    def write(self, value: object) -> None:
        line = json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace")
        if self._array:
            line = (b",\n" if self._any else b"[\n") + line
        self._stream.write(line if self._array else line + b"\n")
        self._any = True

    def close(self) -> None:
        """End the array."""
        if self._array:
            self._stream.write(b"\n]\n" if self._any else b"[]\n")


def _is_array(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["


def _apart(path: Path, output: Path, rejected: Path | None) -> None:
    """Refuse to write over what is read, or over what else is written."""
    places = [one.resolve() for one in (path, output, rejected) if one is not None]
    same = output.exists() and path.exists() and output.samefile(path)
    same = same or bool(rejected and rejected.exists() and path.exists() and rejected.samefile(path))
    if same or len(set(places)) < len(places):
        raise UsageError(
            "A repair would write over another of its files.", hint="Name a new file for what is kept."
        )
