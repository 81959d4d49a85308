"""What a server offers beside chat completions: small JSON, files up and down. Each call until it is answered.

Knows HTTP, and that some calls must not be made twice; refuses to know what files hold.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from medcli import files
from medcli.errors import SetupError
from medcli.models.endpoint.client import Client, Server, read
from medcli.models.endpoint.troubles import BUSY, BUSY_CODES, CUT, FAILING, FAILING_CODES, Again
from medcli.pacing import retry_after

if TYPE_CHECKING:
    import aiohttp

_TRANSFER = 6 * 3600.0  # seconds that a file may take, however slowly it comes
_PIECE = 1 << 18
_T = TypeVar("_T")


class Missing(Exception):
    """The server has no such thing."""


class Rest(Client):
    """Calls the first of a client's addresses: what is kept on a server is on that one."""

    async def json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call with JSON, or nothing, and return JSON; for calls that may be made twice."""
        return await self._until(0, lambda server: self.once(server, method, path, body))

    async def once(
        self, server: Server, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Make one attempt; raises :class:`medcli.models.endpoint.client.Again`."""
        more = {} if body is None else {"json": body}
        async with self._asked(server, method, path, **more) as response:
            return _object(await read(response))

    async def until(self, attempt: Callable[[Server], Awaitable[_T]]) -> _T:
        """Make attempts of the caller's until there is an answer."""
        return await self._until(0, attempt)

    async def upload(self, path: str, file: Path, fields: Mapping[str, str]) -> dict[str, Any]:
        """Send a file as a form; a second one on the server, after an answer that was lost, does no harm."""
        return await self._until(0, lambda server: self._sent(server, path, file, fields))

    async def _sent(self, server: Server, path: str, file: Path, fields: Mapping[str, str]) -> dict[str, Any]:
        import aiohttp

        form = aiohttp.FormData()
        for name, value in fields.items():
            form.add_field(name, value)
        with file.open("rb") as stream:
            form.add_field("file", stream, filename="batch.jsonl", content_type="application/jsonl")
            async with self._asked(server, "POST", path, data=form, timeout=self._long()) as response:
                return _object(await read(response))

    async def download(self, path: str, target: Path) -> None:
        """Fetch a file; whole or not at all, readable by its owner alone."""
        await self._until(0, lambda server: self._fetched(server, path, target))

    async def _fetched(self, server: Server, path: str, target: Path) -> None:
        part = target.with_name(f".{target.name}.part")
        try:
            async with self._asked(server, "GET", path, timeout=self._long()) as response:
                with files.open_private(part) as stream:
                    async for piece in response.content.iter_chunked(_PIECE):
                        stream.write(piece)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)

    def _long(self) -> aiohttp.ClientTimeout:
        import aiohttp

        usual = self._session.timeout
        return aiohttp.ClientTimeout(
            total=_TRANSFER, connect=usual.connect, sock_connect=usual.sock_connect, sock_read=usual.sock_read
        )

    @contextlib.asynccontextmanager
    async def _asked(
        self, server: Server, method: str, path: str, **more: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask; hand back a response that can be read, or say what to do."""
        base, query = self._access.bases[0], ""
        path, mark, query = path.partition("?")
        address = self._access.at(base, path)
        address += f"{'&' if '?' in address else '?'}{query}" if mark else ""
        more["headers"] = await self._fresh()
        async with (
            self._flying(server),
            self._session.request(method, address, allow_redirects=False, **more) as response,
        ):
            if 200 <= response.status < 300:
                yield response
                return
            await read(response)
            raise self._wrong(response.status, retry_after(response.headers))

    def _wrong(self, status: int, wait: float | None) -> Exception:
        if status in BUSY_CODES:
            return Again(BUSY, wait=wait, costs=0, refused=True)
        if status in FAILING_CODES:
            return Again(FAILING, wait=wait)
        if status in (401, 403):
            return SetupError("The server refuses the key.", hint=f"Set {self._access.wanted}.")
        if status in (404, 405, 410, 501):
            return Missing()
        return SetupError(
            f"The server refuses what a batch needs (status {status}).",
            hint="See whether it offers the Batch API.",
        )


def _object(content: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError, RecursionError):
        told = json.loads(content, strict=False)
        if isinstance(told, dict):
            return told
    raise Again(CUT)
