"""Training samples that hold what a model is tested with: questions by their words, pictures by what they look like.

Four rules, each a finding for which a sample is left out:

- ``test-question``: a question of eight words or more is, but for case and marks, one of the test's. Shorter ones ("What
  modality is shown?") are anybody's.
- ``test-text``: a turn holds 13 words in a row of a test question or its reference (GPT-3's measure: Brown et al. 2020,
  appendix C).
- ``test-figure``: the sample's id or picture has the name of a test picture, where that name is a figure's of PubMed
  (``18063892_F3``, ``PMC4083729_g1``).
- ``test-picture``: its picture looks like one of the test's (:mod:`.lookalikes`).

Memory: eight bytes a run of 13 words, 5 kB a picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any

from medcli.errors import InputError, ItemFailed
from medcli.imaging import open_picture
from medcli.instruct import lookalikes
from medcli.instruct.sample import Finding, Sample
from medcli.reading import values
from medcli.records import Question, question_of

RULES = ("test-question", "test-text", "test-figure", "test-picture")
"""Names of the rules."""

_WORD = re.compile(r"[^\W_]+")
_RUN, _QUESTION = 13, 8
_FIGURE = re.compile(r"(?:\d{5,9}|PMC\d{4,9})[_-]\w+", re.IGNORECASE)


@dataclass(slots=True)
class Tests:
    """What must not be trained on.

    Attributes
    ----------
    questions : int
        How many were read.
    pictures : int
        How many were hashed.
    missing, unreadable, even : int
        Pictures that were not found, could not be opened, or are too even to be told from others: of these, only the
        names are known.
    skipped : int
        Rows of the files that are no questions.
    """

    questions: int = 0
    missing: int = 0
    unreadable: int = 0
    even: int = 0
    skipped: int = 0
    _asked: set[int] = field(default_factory=set, repr=False)
    _runs: set[int] = field(default_factory=set, repr=False)
    _figures: set[str] = field(default_factory=set, repr=False)
    _known: lookalikes.Known = field(default_factory=lookalikes.Known, repr=False)

    @property
    def pictures(self) -> int:
        """How many were hashed."""
        return self._known.count

    @classmethod
    def of(cls, files: Iterable[Path], images: Path | None = None) -> Tests:
        """Read files of questions, and hash their pictures.

        Parameters
        ----------
        files : iterable of Path
            In any shape that :func:`medcli.records.question_of` reads.
        images : Path, optional
            Folder of the pictures; that of each file where None.

        Raises
        ------
        InputError
            If a file cannot be read, or holds no question at all.
        MissingExtra
            If there are pictures and Pillow is not installed.
        """
        made = cls()
        for file in files:
            before, seen = made.questions, set[str]()
            for value in values(file):
                try:
                    question = question_of(value.value)
                except ItemFailed:
                    made.skipped += 1
                    continue
                made.add(question)
                for name in question.images:
                    if name not in seen:
                        seen.add(name)
                        made.show((images or file.parent) / name)
            if made.questions == before:
                raise InputError(
                    "A file of test questions holds no question.",
                    hint="docs/formats.md shows the shapes that are read.",
                )
        return made

    def add(self, question: Question) -> None:
        """Take a question's words, its reference's, and the names of its pictures."""
        self.questions += 1
        self._figures.update(_figures(*question.images))
        for role, text in (*question.turns, ("assistant", question.answer or "")):
            words = _words(text)
            if role == "user" and len(words) >= _QUESTION:
                self._asked.add(_code(words))
            self._runs.update(_runs_of(words))

    def show(self, source: Any) -> None:
        """Take a picture: a path, bytes or a PIL image."""
        if isinstance(source, Path) and not source.is_file():
            self.missing += 1
            return
        try:
            found = lookalikes.prints(open_picture(source))
        except ItemFailed:
            self.unreadable += 1
            return
        if found is None:
            self.even += 1
        else:
            self._known.add(found)

    def findings(self, sample: Sample, picture: Any = None) -> list[Finding]:
        """Tell what a sample has of the tests: texts and names first, then its picture where one is given."""
        found = [*self._told(sample)]
        if not found and picture is not None and self.looks_like(picture):
            found.append(Finding("test-picture"))
        return found

    def match_text(self, sample: Sample) -> str:
        """The first rule that a sample's texts or names break, or empty."""
        return next((one.rule for one in self._told(sample)), "")

    def match_picture(self, source: Any) -> str:
        """``test-picture`` if a picture (path, bytes, PIL image) looks like one of the tests', or empty."""
        return "test-picture" if self.looks_like(source) else ""

    def looks_like(self, source: Any) -> bool:
        """Whether a picture is one of the tests'; False for one that cannot be opened."""
        if not self._known.count or (isinstance(source, Path) and not source.is_file()):
            return False
        try:
            found = lookalikes.prints(open_picture(source))
        except ItemFailed:
            return False
        return found is not None and self._known.distance(found) <= lookalikes.THRESHOLD

    def _told(self, sample: Sample) -> Iterator[Finding]:
        if not self._figures.isdisjoint(_figures(sample.image, sample.sample_id)):
            yield Finding("test-figure")
        for place, (role, text) in enumerate(sample.turns):
            words = _words(text)
            if role == "user" and len(words) >= _QUESTION and _code(words) in self._asked:
                yield Finding("test-question", place)
            elif not self._runs.isdisjoint(_runs_of(words)):
                yield Finding("test-text", place)


def _figures(*names: str) -> Iterator[str]:
    """Those of some names that are a figure's of PubMed, without folder and ending."""
    for name in names:
        stem = PurePosixPath(name.replace("\\", "/")).name
        stem = stem.rsplit(".", 1)[0] if "." in stem else stem
        if _FIGURE.fullmatch(stem):
            yield stem.casefold()


def _words(text: str) -> list[str]:
    return _WORD.findall(text.replace("<image>", " ").casefold())


def _runs_of(words: Sequence[str]) -> Iterator[int]:
    return (_code(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1))


def _code(words: Sequence[str]) -> int:
    """64 bits of words, the same on every machine."""
    data = " ".join(words).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest())
