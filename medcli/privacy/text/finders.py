"""The finder that a user's choice asks for: sensitivity, detectors, and recognisers of the user's own.

Knows the choice. Refuses to find anything itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from medcli.privacy.text.finder import Finder, Known
from medcli.privacy.text.merge import union
from medcli.privacy.text.recognisers import Recogniser
from medcli.privacy.text.span import Span

if TYPE_CHECKING:
    from medcli.privacy.text.replace_policy import TextPolicy
    from medcli.privacy.text.span import Detector

__all__ = ["find_all", "finder_of"]


def finder_of(policy: TextPolicy, detectors: Iterable[Detector] | None = None) -> Finder:
    """Rules and lists at the policy's sensitivity, and its detectors, each with a time to answer in.

    Parameters
    ----------
    policy
        The user's choice.
    detectors
        Asked in place of those that the policy names.

    Raises
    ------
    UsageError, SetupError
        Where a detector can't be loaded.
    """
    named = (_loaded(wish, policy.trusted) for wish in policy.detectors) if detectors is None else detectors
    high = policy.sensitivity == "high"
    return Finder(sensitivity="high" if high else "balanced", detectors=tuple(named))


@lru_cache(maxsize=8)
def _loaded(wish: str, trusted: tuple[str, ...]) -> Detector:
    """A detector, once a process: a model may be large."""
    from medcli.privacy.text.detectors import TIMEOUT, Watched, load

    return Watched(load(wish, trusted=trusted), TIMEOUT)


def find_all(
    finder: Finder, recognisers: Sequence[Recogniser], texts: Sequence[str], known: Known | None
) -> list[list[Span]]:
    """What finder and recognisers find in texts of one patient; what recognisers find is never vetoed.

    Raises
    ------
    SafetyRefused
        A detector failed.
    """
    found = finder.find_all(texts, known)
    own = [one.find(texts) for one in recognisers]
    if not own:
        return found
    return [
        union([*spans, *(span for each in own for span in each[number])], text)
        for number, (spans, text) in enumerate(zip(found, texts, strict=True))
    ]
