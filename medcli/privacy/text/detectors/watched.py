"""A detector under watch: one that does not answer in time counts as failed, and is not asked again.

Knows threads and seconds. Refuses to know what a detector does.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from medcli.privacy.text.span import Detector, Span

__all__ = ["Watched"]


class Overdue(Exception):
    """No answer in time."""


class Watched:
    """A detector that has so many seconds for each call.

    Parameters
    ----------
    detector
        Asked in a thread of its own, which is left behind if it does not answer.
    seconds
        For each call.
    """

    def __init__(self, detector: Detector, seconds: float) -> None:
        self.name, self.version = detector.name, detector.version
        self._detector, self._seconds = detector, seconds
        self._lost = False
        self._lock = threading.Lock()  # most models answer one caller at a time

    def find(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
        """As the detector answers.

        Raises
        ------
        Overdue
            If it does not, now or before.
        """
        with self._lock:
            return self._answer(texts)

    def __reduce__(self) -> tuple[type[Watched], tuple[Detector, float]]:
        return Watched, (self._detector, self._seconds)

    def _answer(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
        if self._lost:
            raise Overdue
        answer: list[Sequence[Sequence[Span]]] = []
        thread = threading.Thread(target=self._ask, args=(texts, answer), daemon=True, name="detector")
        thread.start()
        thread.join(self._seconds)
        if not answer:
            self._lost = thread.is_alive()
            raise Overdue
        return answer[0]

    def _ask(self, texts: Sequence[str], answer: list[Sequence[Sequence[Span]]]) -> None:
        try:
            answer.append(self._detector.find(texts))
        except BaseException:  # noqa: BLE001 - its words may quote the texts; no answer is the answer
            return
