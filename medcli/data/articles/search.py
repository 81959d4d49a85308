"""Numbers of articles by a query, from NCBI's E-utilities and by their rules.

Three requests a second, ten with a key; ``tool`` and ``email`` with each; a query gives at most 9,998 numbers, so a
larger one is cut in two by the date of release until its parts are small enough. NCBI asks for large jobs at night or on weekends.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import time
from typing import Any
from urllib.parse import urlencode

from medcli.data.transfer.fetch import Fetcher
from medcli.errors import SetupError, UsageError

MOST = 9_998
_FIRST = dt.date(2000, 1, 1)
_ERRORS = 4


class Search:
    """Asks ``esearch``.

    Parameters
    ----------
    fetcher : Fetcher
        Entered.
    base : str
        Address of the E-utilities, ending in a slash.
    email : str
        Who asks; NCBI writes there before it blocks somebody.
    """

    def __init__(self, fetcher: Fetcher, base: str, email: str) -> None:
        self._fetcher = fetcher
        self._base = base
        self._key = os.environ.get("NCBI_API_KEY", "")
        self._email = email
        self._next = 0.0

    async def pmcids(self, query: str) -> list[int]:
        """All numbers that fit, ascending.

        Raises
        ------
        UsageError
            If the query is refused.
        SetupError
            If E-utilities do not answer.
        """
        term = f"({query}) AND open_access[filter]"
        found = await self._between(term, None)
        return sorted(found)

    async def _between(self, term: str, span: tuple[dt.date, dt.date] | None) -> set[int]:
        dated = term
        if span is not None:
            dated += f" AND {span[0]:%Y/%m/%d}:{span[1]:%Y/%m/%d}[pmcrdat]"
        answer = await self._ask(dated)
        count = int(answer.get("count", 0))
        if count <= MOST:
            return {int(one) for one in answer.get("idlist", ())}
        first, last = span or (_FIRST, dt.datetime.now(tz=dt.UTC).date())
        if first == last:
            raise UsageError(
                f"More than {MOST:,} articles of one day fit the query.", hint="Make the query narrower."
            )
        middle = first + (last - first) // 2
        return await self._between(term, (first, middle)) | await self._between(
            term, (middle + dt.timedelta(days=1), last)
        )

    async def _ask(self, term: str) -> dict[str, Any]:
        """One request; an error under a good status is asked again."""
        wanted = {"db": "pmc", "term": term, "retmax": str(MOST), "retmode": "json", "tool": "medcli"}
        wanted |= {"email": self._email} | ({"api_key": self._key} if self._key else {})
        for tried in range(_ERRORS):
            await self._pace()
            content = await self._fetcher.read(f"{self._base}esearch.fcgi?{urlencode(wanted)}")
            try:
                answer = json.loads(content)["esearchresult"]
            except (ValueError, KeyError, TypeError):
                answer = {}
            if isinstance(answer, dict) and "count" in answer and "ERROR" not in answer:
                return answer
            await asyncio.sleep(0.5 * 2**tried)
        raise SetupError(
            "E-utilities answer with an error.", hint="Check --query; the same command asks again."
        )

    async def _pace(self) -> None:
        now = time.monotonic()
        self._next = max(self._next, now) + (0.11 if self._key else 0.34)
        await asyncio.sleep(max(0.0, self._next - now - (0.11 if self._key else 0.34)))
