"""What travels through somebody else's hands, sealed: items, outcomes and secrets on their way through Ray.

Ray keeps arguments and results in an object store, spills them to disk, and shows what it knows to whoever can reach
its ports. So nothing of ours goes through it in the clear. Each worker draws a key pair for itself alone (X25519,
RFC 7748) and hands out the public half; the driver answers with its own; both derive one key for each direction
(HKDF, RFC 5869), with which every message is encrypted and numbered (ChaCha20-Poly1305, RFC 8439). The keys live in
two processes' memory and nowhere else. Knows bytes; refuses to know what they say.
"""

from __future__ import annotations

import struct
from typing import Any

from medcli.errors import MissingExtra

PUBLIC = 32
_PURPOSE = b"medcli worker 1"
_KEY = 32


class Broken(Exception):
    """A message is not what was sealed, or not the next one."""


class Pair:
    """One side's key pair, for one other side.

    Attributes
    ----------
    public : bytes
        The half that is handed out.
    """

    def __init__(self) -> None:
        x25519 = _x25519()
        self._private: Any = x25519.X25519PrivateKey.generate()
        self.public: bytes = self._private.public_key().public_bytes_raw()

    def agree(self, theirs: bytes, *, driver: bool) -> Channel:
        """Return the channel to the side that handed out a public half.

        Raises
        ------
        Broken
            If it is none.
        """
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        try:
            shared = self._private.exchange(_x25519().X25519PublicKey.from_public_bytes(theirs))
        except ValueError:
            raise Broken from None
        both = self.public + theirs if driver else theirs + self.public
        keys = HKDF(SHA256(), 2 * _KEY, salt=None, info=_PURPOSE + both).derive(shared)
        down, up = keys[:_KEY], keys[_KEY:]
        return Channel(down, up) if driver else Channel(up, down)


class Channel:
    """Seals what goes out, opens what comes in; each message once, in its order.

    Parameters
    ----------
    ours, theirs : bytes
        The key of each direction.
    """

    def __init__(self, ours: bytes, theirs: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        self._seal, self._open = ChaCha20Poly1305(ours), ChaCha20Poly1305(theirs)
        self._sent = self._received = 0

    def seal(self, message: bytes) -> bytes:
        """Encrypt the next message."""
        sealed: bytes = self._seal.encrypt(_nonce(self._sent), message, None)
        self._sent += 1
        return sealed

    def open(self, sealed: bytes) -> bytes:
        """Decrypt the next message.

        Raises
        ------
        Broken
            If it is another, or was changed.
        """
        from cryptography.exceptions import InvalidTag

        try:
            message: bytes = self._open.decrypt(_nonce(self._received), sealed, None)
        except InvalidTag:
            raise Broken from None
        self._received += 1
        return message


def _nonce(number: int) -> bytes:
    return struct.pack(">IQ", 0, number)


def _x25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import x25519
    except ImportError:
        raise MissingExtra("ray", "the Ray runner") from None
    return x25519
