"""Batches as plain data: what is out, where it stands, and what became of each request.

Knows the server's words for it; refuses to ask.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from medcli.models.endpoint.chat import Completion

EXPIRED = "batch-expired"
CANCELLED = "batch-cancelled"
FAILED = "batch-failed"
FULL = "batch-queue-full"
LOST = "batch-row-missing"

OPEN = frozenset({"validating", "in_progress", "finalizing", "cancelling"})
GONE = "gone"
_ENDED = frozenset({"completed", "failed", "expired", "cancelled", GONE})
ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)
_CODE = re.compile(r"[a-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Part:
    """One batch.

    Attributes
    ----------
    name : str
        Ours; in the batch's metadata.
    rows : int
        Requests in it.
    worst : int
        Most that it can cost, in 10⁻¹² USD.
    batch, file : str
        The server's ids of the batch and of its file of requests.
    status : str
        The server's word for where it stands; ``gone`` where it knows the batch no more.
    output, errors : str
        The server's ids of the files of replies; empty while or where there are none.
    reason : str
        Why it failed, by the server's code.
    completed, failed : int
        Rows by the server's count.
    """

    name: str
    rows: int
    worst: int
    batch: str
    file: str
    status: str = "validating"
    output: str = ""
    errors: str = ""
    reason: str = ""
    completed: int = 0
    failed: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in _ENDED


@dataclass(frozen=True, slots=True)
class BatchState:
    """What is out; plain data, kept by the caller.

    Attributes
    ----------
    parts : tuple of Part
        What is out, in the order in which it was handed in.
    read : int
        How many parts were read and are out no more: a request that is handed in again is another part then.
    """

    parts: tuple[Part, ...] = ()
    read: int = 0

    @property
    def ended(self) -> bool:
        """Whether all parts have."""
        return all(part.ended for part in self.parts)

    def dump(self) -> str:
        """Return it as JSON."""
        return json.dumps({"read": self.read, "parts": [asdict(part) for part in self.parts]})

    @classmethod
    def load(cls, text: str | bytes) -> Self:
        """Read what :meth:`dump` wrote."""
        told = json.loads(text)
        return cls(tuple(Part(**one) for one in told["parts"]), told["read"])

    def with_part(self, part: Part) -> BatchState:
        """Return it with a part that was handed in."""
        return BatchState((*self.parts, part), self.read)

    def without(self, part: Part) -> BatchState:
        """Return it without a part whose results were read and kept."""
        return BatchState(tuple(one for one in self.parts if one.name != part.name), self.read + 1)


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What became of one request.

    Attributes
    ----------
    custom_id : str
        The caller's.
    completion : Completion or None
        The answer.
    error : str
        Why there is none: a reason code in kebab-case.
    again : bool
        Whether handing it in again can help.
    """

    custom_id: str
    completion: Completion | None = None
    error: str = ""
    again: bool = False


def updated(part: Part, told: Mapping[str, Any]) -> Part:
    """Bring a part up to date with what a server says of it."""
    counts, errors = told.get("request_counts"), told.get("errors")
    listed = errors.get("data") if isinstance(errors, dict) else None
    first = listed[0] if isinstance(listed, list) and listed else None
    code = str(first.get("code")) if isinstance(first, dict) else ""
    return replace(
        part,
        status=str(told.get("status") or part.status),
        output=_name(told.get("output_file_id")),
        errors=_name(told.get("error_file_id")),
        reason=code if _CODE.fullmatch(code) else "",
        completed=_count(counts, "completed"),
        failed=_count(counts, "failed"),
    )


def _name(value: object) -> str:
    return value if isinstance(value, str) and ID.fullmatch(value) else ""


def _count(counts: object, name: str) -> int:
    value = counts.get(name) if isinstance(counts, dict) else None
    return value if isinstance(value, int) else 0


def end_of(part: Part) -> tuple[str, bool]:
    """Say why a row of a part has no reply, and whether to hand it in again."""
    if part.status == "failed":
        full = part.reason == "token_limit_exceeded"
        return (FULL, True) if full else (FAILED, False)
    return {"expired": EXPIRED, "cancelled": CANCELLED}.get(part.status, LOST), True
