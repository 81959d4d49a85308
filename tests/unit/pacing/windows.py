"""What a server's log says of a client's pace."""

from __future__ import annotations

import itertools
from collections.abc import Sequence


def most_within(log: Sequence[tuple[float, int]], period: float) -> tuple[int, int]:
    """Return the most requests and tokens that came within any `period` seconds, its end not counted."""
    requests = tokens = held = start = 0
    log = sorted(log)
    for at, (when, weight) in enumerate(log):
        held += weight
        while when - log[start][0] >= period:
            held -= log[start][1]
            start += 1
        requests, tokens = max(requests, at - start + 1), max(tokens, held)
    return requests, tokens


def shares(log: Sequence[tuple[float, int]], seconds: float, rpm: int, tpm: int) -> tuple[float, float]:
    """Return which shares of both limits were used in the first so many seconds."""
    begun = log[0][0]
    counted = list(itertools.takewhile(lambda one: one[0] - begun < seconds, sorted(log)))
    minutes = seconds / 60
    return len(counted) / (rpm * minutes), sum(one[1] for one in counted) / (tpm * minutes)
