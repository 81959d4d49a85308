"""What can go wrong with a request, what it is called, and what a server's status means for it.

Knows statuses and reason codes; refuses to pass on what a server says: it can quote the question.
"""

from __future__ import annotations

from medcli.errors import ItemFailed, SetupError
from medcli.models.endpoint.manners import filtered, too_long, unpaid

UNREACHABLE = "endpoint-unreachable"
SILENT = "endpoint-timeout"
CUT = "endpoint-broke-off"
FAILING = "endpoint-failing"
BUSY = "endpoint-busy"
REFUSED = "endpoint-refused"
TOO_LONG = "prompt-too-long"
FILTERED = "endpoint-content-filter"

BUSY_CODES = frozenset({429, 503, 529})
FAILING_CODES = frozenset({408, 409, 425, 500, 502, 504, 520, 521, 522, 523, 524})
UNDERSTOOD_CODES = frozenset({400, 413, 422})  # read, and not taken
_UNCLEAR = frozenset(
    {408, 502, 504, 520, 522, 524}
)  # something stood between, and may have given up too early


class Again(Exception):
    """Send it again.

    Parameters
    ----------
    kind : str
        Why, in kebab-case.
    wait : float or None
        Seconds that the server asks for.
    costs : int
        Attempts that it counts as.
    refused : bool
        Whether the server surely did nothing.
    """

    def __init__(
        self, kind: str, *, wait: float | None = None, costs: int = 1, refused: bool = False
    ) -> None:
        super().__init__(kind)
        self.kind, self.wait, self.costs, self.refused = kind, wait, costs, refused


def meaning(status: int, wait: float | None, refusal: bytes, key: str) -> Exception | None:
    """Say what a status other than 200 means, or None for a refusal of this request for no known reason.

    Parameters
    ----------
    status, wait, refusal
        Of the response; ``wait`` are the seconds of Retry-After.
    key : str
        The variable that holds the key.
    """
    if status == 402 or (status == 429 and unpaid(refusal)):
        return SetupError(
            "The server says that the account has no credit left.",
            hint="See to it there; the same command goes on from here.",
        )
    if status in BUSY_CODES:
        return Again(BUSY, wait=wait, costs=0, refused=True)
    if status in FAILING_CODES:
        return Again(FAILING, wait=wait, refused=status not in _UNCLEAR)
    if status in UNDERSTOOD_CODES and too_long(refusal):
        return ItemFailed(TOO_LONG)
    if status in UNDERSTOOD_CODES and filtered(refusal):
        return ItemFailed(FILTERED)
    if status in (401, 403):
        return SetupError("The server refuses the key.", hint=f"Set {key}, or {key}_FILE.")
    if status in (404, 405) or 300 <= status < 400:
        return SetupError(
            "The server knows no such model, or no chat completions at this address.",
            hint="Check --model, and that --base-url ends as the server wants it, mostly in /v1.",
        )
    return None
