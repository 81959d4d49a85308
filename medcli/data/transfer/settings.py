"""How a run may use the network; picklable, made from a Spec."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["Transfer"]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Limits of one run.

    Attributes
    ----------
    concurrency : int
        Requests to one host at a time, at most; how many there are follows what the host bears.
    bandwidth : float
        Bytes a second over all hosts; 0 for no limit.
    timeout : float
        Seconds that a server may send nothing, or next to nothing.
    attempts : int
        Tries of one request that bring no byte nearer; a busy server (429, 503) costs patience instead.
    patience : float
        Seconds of waiting on busy servers that one request may cost.
    pause : float
        Seconds: the n-th wait is drawn evenly from 0 to ``min(20, pause * 2**n)``.
    beside : int
        Processes that send to the same hosts, each with limits of its own.
    board : str
        Path of the :mod:`~medcli.data.transfer.board` where they tell each other of rests; empty where there is none.
    """

    concurrency: int = 32
    bandwidth: float = 0.0
    timeout: float = 30.0
    attempts: int = 6
    patience: float = 900.0
    pause: float = 0.5
    beside: int = 1
    board: str = ""

    def shared(self, count: int, board: str) -> Transfer:
        """The part of one of ``count`` processes that work side by side."""
        most = max(1, self.concurrency // count)
        return replace(self, concurrency=most, bandwidth=self.bandwidth / count, beside=count, board=board)
