"""Training samples that hold what a model is tested with: questions by their words, pictures by what they look like."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from medcli.instruct.sample import Sample


class Tests:
    """What must not be trained on: texts and pictures of test questions."""

    @classmethod
    def of(cls, files: Iterable[Path], images: Path | None = None) -> Tests:
        """Read files of questions (any shape of :func:`medcli.records.question_of`), and hash their pictures."""
        raise NotImplementedError

    def match_text(self, sample: Sample) -> str:
        """Which rule a sample's texts break: ``test-question``, ``test-text``, ``test-figure`` or empty."""
        raise NotImplementedError

    def match_picture(self, source: Any) -> str:
        """Say ``test-picture`` if a picture (path, bytes, PIL image) looks like one of the test's, or empty."""
        raise NotImplementedError
