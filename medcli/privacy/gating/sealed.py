"""A vault on disk, so that a session goes on with the next question: encrypted, and held by one process at a time.

Knows ChaCha20-Poly1305 (RFC 8439) through the package cryptography, and its key file. Refuses to know what is inside.
The key lies beside the vault unless ``MEDCLI_VAULT_KEY_FILE`` names another place; both are their owner's alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from medcli import files
from medcli.errors import InputError, MissingExtra, SetupError
from medcli.privacy.gating.vault import Vault

__all__ = ["open_vault"]

KEY_VARIABLE = "MEDCLI_VAULT_KEY_FILE"
_MAGIC = b"medcli vault 1\n"
_NONCE = 12
_KEY = 32


@contextlib.contextmanager
def open_vault(path: Path) -> Iterator[Vault]:
    """Open a vault, or begin one; it is written back when the block ends without an error.

    Raises
    ------
    MissingExtra
        If cryptography is not installed.
    SetupError
        If somebody else holds the vault, it cannot be written, or its key is not there.
    InputError
        If the file is no vault, or of another key.
    """
    try:
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    except ImportError:
        raise MissingExtra("gate", "an encrypted vault") from None
    path = path.absolute()
    with _held(path):
        cipher = ChaCha20Poly1305(_key(path, begun=path.exists()))
        vault = _read(path, cipher) if path.exists() else Vault()
        yield vault
        nonce = secrets.token_bytes(_NONCE)
        with _told():
            files.write(path, _MAGIC + nonce + cipher.encrypt(nonce, vault.dump(), _MAGIC), mode=0o600)


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    with _told():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(
                "Another session has this vault open.", hint="Wait for it, or name another --vault."
            ) from None
        yield
    finally:
        os.close(descriptor)


def _key(path: Path, *, begun: bool) -> bytes:
    named = os.environ.get(KEY_VARIABLE)
    place = Path(named).absolute() if named else path.with_name(f"{path.name}.key")
    if not place.exists():
        if begun:
            raise SetupError("The vault's key is not there.", hint=f"Name its file in {KEY_VARIABLE}.")
        with _told():
            files.write(place, secrets.token_bytes(_KEY), mode=0o600)
    with _told():
        if place.stat().st_mode & 0o077:
            raise SetupError("Others can read the vault's key.", hint="chmod 600 the key file.")
        key = place.read_bytes()
    if len(key) != _KEY:
        raise InputError("The vault's key is damaged.", hint="It has 32 bytes.")
    return key


def _read(path: Path, cipher: object) -> Vault:
    with _told():
        data = path.read_bytes()
    vault = None
    if data.startswith(_MAGIC):
        body = data[len(_MAGIC) :]
        with contextlib.suppress(Exception):  # whatever is wrong with it: it is no vault of this key
            plain = cipher.decrypt(body[:_NONCE], body[_NONCE:], _MAGIC)  # type: ignore[attr-defined]
            vault = Vault.loaded(plain)
    if vault is None:
        raise InputError("The vault is damaged, or of another key.", hint="Name another --vault.")
    return vault


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SetupError(
            f"The vault cannot be read or written: {error.strerror}.", hint="Choose another --vault."
        ) from None
