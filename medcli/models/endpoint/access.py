"""Where servers are and how they are let in: addresses, headers, keys. Keys come from the environment alone.

Knows OpenAI's way (``Authorization: Bearer``), which nearly all follow, and Azure's (``api-key``, deployments, versions,
Entra ID tokens). Refuses to show a key: it stands in no ``repr``, message or log.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from medcli.errors import SetupError, UsageError
from medcli.settings import Secret, secret

_NAMES = ("MEDCLI_API_KEY", "OPENAI_API_KEY")
_AZURE_KEY, _AZURE_TOKEN, _AZURE_ADDRESS = (
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_AD_TOKEN",
    "AZURE_OPENAI_ENDPOINT",
)
_AZURE_VERSIONS = ("AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION")
_AZURE_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_AZURE_SCOPE = "https://cognitiveservices.azure.com/.default"


@dataclass(frozen=True, slots=True)
class Access:
    """How some servers, all alike, are asked.

    Attributes
    ----------
    bases : tuple of str
        Base addresses without a slash at the end.
    key : Secret
        Empty for none.
    header : str
        Which header carries it.
    deployment, version : str
        Azure's, where its older addresses are used.
    token : callable or None
        Gives a key that changes with time.
    """

    bases: tuple[str, ...]
    key: Secret = field(default=Secret(), repr=False)
    header: str = "Authorization"
    deployment: str = ""
    version: str = ""
    token: Callable[[], str] | None = field(default=None, repr=False)

    def chat(self, base: str) -> str:
        """Return the address of chat completions."""
        return self.at(
            base,
            f"deployments/{quote(self.deployment, safe='')}/chat/completions"
            if self.version
            else "chat/completions",
        )

    def at(self, base: str, path: str) -> str:
        """Return the address of something else, as ``batches``."""
        return f"{base}/{path}" + (f"?api-version={quote(self.version, safe='')}" if self.version else "")

    def headers(self) -> Mapping[str, str]:
        """Return the headers that let in; for a session, never for a log."""
        key = self.token() if self.token is not None else self.key.reveal()
        if not key:
            return {}
        return {self.header: f"Bearer {key}" if self.header == "Authorization" else key}

    @property
    def wanted(self) -> str:
        """Which variable holds the key, for a person."""
        return _AZURE_KEY if self.header == "api-key" or self.version else _NAMES[0]


def given(urls: Sequence[str], key: str | Secret) -> Access:
    """Use a key that the caller has; empty for none."""
    return Access(_bases(urls), _checked(Secret(key.reveal() if isinstance(key, Secret) else key), "The key"))


def from_environment(urls: Sequence[str], model: str) -> Access:
    """Find address and key; a server on this machine mostly needs no key, and one that does says so.

    Parameters
    ----------
    urls : sequence of str
        Base addresses, as ``http://127.0.0.1:8000/v1``; where there are none, that of AZURE_OPENAI_ENDPOINT.
    model : str
        What Azure's older addresses call a deployment.

    Raises
    ------
    UsageError
        If there is no address, or Azure's stand beside others.
    SetupError
        If a key cannot be sent, or Azure has none.
    """
    named = os.environ.get(_AZURE_ADDRESS, "").rstrip("/")
    bases = _bases(urls or ((named,) if named else ()))
    if not bases:
        raise UsageError("A server needs an address.", hint="As --base-url http://127.0.0.1:8000/v1")
    azure = [_is_azure(one, named) for one in bases]
    if not any(azure):
        return Access(bases, _first(_NAMES))
    if not all(azure):
        raise UsageError("Azure's addresses cannot stand beside others.", hint="Ask them in two runs.")
    return _azure(bases, model)


def is_remote(url: str) -> bool:
    """Whether a server is on another machine than this one, for all that its address says.

    Names below localhost count as remote: not every resolver keeps them on this machine (RFC 6761, 6.3).
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def _azure(bases: tuple[str, ...], model: str) -> Access:
    version = next((os.environ[name] for name in _AZURE_VERSIONS if os.environ.get(name)), "")
    bare = all(urlsplit(one).path in ("", "/") for one in bases)
    version = version if bare else ""
    if bare:
        bases = tuple(f"{one}/openai" if version else f"{one}/openai/v1" for one in bases)
    if key := _first((_AZURE_KEY,)):
        return Access(bases, key, "api-key", model, version)
    if key := _first((_AZURE_TOKEN,)):
        return Access(bases, key, "Authorization", model, version)
    return Access(bases, Secret(), "Authorization", model, version, _identity())


def _identity() -> Callable[[], str]:
    """Return what gives tokens of Entra ID, by the package azure-identity if it is there."""
    try:
        from azure.identity import DefaultAzureCredential  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise SetupError(
            "Azure needs a key.",
            hint=f"Set {_AZURE_KEY} or {_AZURE_TOKEN}, or pip install azure-identity and log in.",
        ) from None
    credential: Any = DefaultAzureCredential()
    return lambda: str(credential.get_token(_AZURE_SCOPE).token)  # kept and renewed by the package


def _bases(urls: Sequence[str]) -> tuple[str, ...]:
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                "A server's address begins with http:// or https://.", hint="As http://127.0.0.1:8000/v1"
            )
    return tuple(url.rstrip("/") for url in urls)


def _is_azure(url: str, named: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host.endswith(_AZURE_HOSTS) or bool(named and url.startswith(named))


def _first(names: Sequence[str]) -> Secret:
    for name in names:
        if os.environ.get(name) or os.environ.get(f"{name}_FILE"):
            return _checked(secret(name, "the server"), name)
    return Secret()


def _checked(key: Secret, name: str) -> Secret:
    text = key.reveal()
    if not (text.isascii() and text.isprintable()):
        raise SetupError(f"{name} holds what no key does.", hint="It is one line of plain characters.")
    return key
