"""Connections: kept alive, through the environment's proxies, trusting the environment's certificates.

``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` in either case, with http, https, socks4 and socks5
addresses; ``SSL_CERT_FILE``, ``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE``. No proxy comes between us and this machine.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import ssl
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from medcli import __version__
from medcli.data.transfer.wire import Odd
from medcli.data.transfer.wires import Wires
from medcli.errors import MissingExtra, SetupError

if TYPE_CHECKING:
    import aiohttp

_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": f"medcli/{__version__}"}
_BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_READ_AHEAD = 1 << 18
_PROXIED = ("http", "https", "all")
_PROXIES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_KEPT_ALIVE = 60.0
_CONNECT = 15.0


class Sessions:
    """The sessions of one event loop: one without a SOCKS proxy, and one for each such proxy.

    Parameters
    ----------
    timeout : float
        Seconds to wait for the next byte.
    direct : bool
        Whether files come over connections of our own (:mod:`medcli.data.transfer.wire`) where no proxy is needed.
    """

    def __init__(self, timeout: float, *, direct: bool) -> None:
        if find_spec("aiohttp") is None:
            raise MissingExtra("download", "downloading")
        self._timeout = timeout
        self._proxies = _proxies()
        self._trust = _trust()
        self._known: dict[str, str] = {}
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._wires = Wires(timeout, self._trust, _HEADERS) if direct else None

    async def close(self) -> None:
        """Close all connections."""
        if self._wires is not None:
            self._wires.close()
        for session in self._sessions.values():
            await session.close()

    async def request(self, url: str, headers: Mapping[str, str], send: bytes = b"") -> Any:
        """Do a GET, or a POST of ``send``; return the answer, of which the body is still to be read.

        The address is sent as it stands, percent signs included.
        """
        origin = origin_of(url)
        proxy = self._proxy(origin)
        if self._wires is not None and not (proxy or send):
            with contextlib.suppress(Odd):
                return await self._wires.get(url, origin, headers)
        return await self._generally(url, proxy, headers, send)

    async def _generally(self, url: str, proxy: str, headers: Mapping[str, str], send: bytes) -> Any:
        from yarl import URL

        socks = proxy if proxy.startswith("socks") else ""
        session = self._sessions.get(socks)
        if session is None:
            session = self._sessions[socks] = self._made(socks)
        through = {"proxy": proxy} if proxy and not socks else {}
        method = "POST" if send else "GET"
        return await session.request(
            method, URL(url, encoded=True), headers=headers, data=send or None, max_redirects=5, **through
        )

    def _proxy(self, origin: str) -> str:
        """The proxy for a host, or the empty string; found out once."""
        if origin not in self._known:
            self._known[origin] = self._proxy_of(origin)
        return self._known[origin]

    def _proxy_of(self, origin: str) -> str:
        parts = urlsplit(origin)
        host = parts.hostname or ""
        if is_local(host) or ("no" in self._proxies and proxy_bypass(parts.netloc)):
            return ""
        return self._proxies.get(parts.scheme) or self._proxies.get("all") or ""

    def _made(self, socks: str) -> aiohttp.ClientSession:
        import aiohttp

        connector: aiohttp.BaseConnector
        options: dict[str, Any] = {"limit": 0, "keepalive_timeout": _KEPT_ALIVE, "ssl": self._trust}
        if socks:
            try:
                from aiohttp_socks import ProxyConnector
            except ImportError:
                raise MissingExtra("download", "a SOCKS proxy") from None
            remote = "socks5h" in socks or "socks4a" in socks
            address = socks.replace("socks5h:", "socks5:").replace("socks4a:", "socks4:")
            connector = ProxyConnector.from_url(address, rdns=remote or None, **options)
        else:
            connector = aiohttp.TCPConnector(**options)
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=self._timeout),
            headers=_HEADERS,
            auto_decompress=False,
            read_bufsize=_READ_AHEAD,
            cookie_jar=aiohttp.DummyCookieJar(),
        )


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, as it spells them."""
    end = url.find("/", url.find("://") + 3)
    return url if end < 0 else url[:end]


def is_local(host: str) -> bool:
    """Whether a host is this machine, for all that its name says."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _proxies() -> dict[str, str]:
    """The proxies of the environment, by scheme.

    Raises
    ------
    SetupError
        If one of them is no address; it is not quoted, for it may hold a password.
    """
    found = getproxies_environment()
    for scheme in _PROXIED:
        proxy = found.get(scheme)
        if proxy is None:
            continue
        found[scheme] = proxy = proxy if "://" in proxy else f"http://{proxy}"
        try:
            parts = urlsplit(proxy)
            sound = parts.scheme in _PROXIES and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if not sound:
            raise SetupError(
                f"The proxy that {scheme.upper()}_PROXY names cannot be used.",
                hint="It is SCHEME://HOST:PORT, with http, https, socks4, socks4a, socks5 or socks5h. Or unset it.",
            )
    return found


def _trust() -> ssl.SSLContext:
    """The system's certificates, and those of the bundle that the environment names."""
    context = ssl.create_default_context()  # which knows SSL_CERT_FILE already
    known = {os.environ.get(_BUNDLES[0], ssl.get_default_verify_paths().cafile)}
    for name in _BUNDLES:
        bundle = os.environ.get(name)
        if not bundle:
            continue
        try:
            if bundle in known and Path(bundle).is_file():
                with open(bundle, "rb"):
                    continue
            known.add(bundle)
            folder = Path(bundle).is_dir()
            context.load_verify_locations(None if folder else bundle, bundle if folder else None)
        except (OSError, ssl.SSLError):
            raise SetupError(
                f"The certificates that {name} names cannot be read.",
                hint="Check its path and its form (PEM).",
            ) from None
    return context
