"""The gate's settings, and the finders that are loaded for them once a process.

Knows what the user chose. Refuses to see a question: that is a session's.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from medcli.privacy.gating.pixels import Remembered, TextCleaner
from medcli.privacy.gating.receipt import keyed

if TYPE_CHECKING:
    from medcli.privacy.gating.images import PixelCleaner
    from medcli.privacy.gating.session import Session
    from medcli.privacy.gating.vault import Vault
    from medcli.privacy.text.finder import Finder
    from medcli.privacy.text.span import Detector

__all__ = ["Gate"]


class Gate:
    """The gate's settings, and what is loaded for them; one a process. Picklable: what is loaded stays.

    Parameters
    ----------
    choice : {"on", "remote", "off"}
        Every backend is gated, remote ones only, or none.
    remote : bool
        Whether the backend is on another machine.
    pixels : {"auto", "clean", "refuse", "accept"}
        Whether pictures pass that may show identity and were not cleaned: ``auto``, to this machine only; ``clean``,
        with their text filled. A picture whose header says that it shows identity never passes to another machine
        uncleaned.
    detectors : sequence of Detector or of str
        Asked beside rules and lists: objects, or names as ``hf:FOLDER``.
    timeout : float
        Seconds for each call of a detector.
    trusted : iterable of str
        Hosts that a hosted detector may be at.
    cleaner : PixelCleaner, optional
        Takes identity out of pixels; a :class:`~medcli.privacy.gating.pixels.TextCleaner` where `pixels` is ``clean``.
    """

    def __init__(
        self,
        choice: Literal["on", "remote", "off"] = "on",
        *,
        remote: bool = False,
        pixels: Literal["auto", "clean", "refuse", "accept"] = "auto",
        detectors: Sequence[Detector | str] = (),
        timeout: float = 30.0,
        trusted: Iterable[str] = (),
        cleaner: PixelCleaner | None = None,
        key: bytes = b"",
    ) -> None:
        if choice not in ("on", "remote", "off") or pixels not in ("auto", "clean", "refuse", "accept"):
            raise ValueError("the gate is on, remote or off; pixels are auto, clean, refuse or accept")
        if pixels == "clean" and cleaner is None:
            cleaner = TextCleaner()
        self.choice, self.remote, self.pixels = choice, remote, pixels
        self.detectors, self.timeout, self.trusted = tuple(detectors), timeout, tuple(trusted)
        self.cleaner = cleaner
        self._key = key or secrets.token_bytes(32)
        self.shown = Remembered()
        self._finder: Finder | None = None
        self._reader: Finder | None = None

    def __reduce__(self) -> tuple[Callable[..., Gate], tuple[dict[str, Any]]]:
        named = ("choice", "remote", "pixels", "detectors", "timeout", "trusted", "cleaner")
        return _gate, ({name: getattr(self, name) for name in named} | {"key": self._key},)

    def __repr__(self) -> str:
        return f"Gate({self.choice!r}, remote={self.remote}, pixels={self.pixels!r})"

    @property
    def applies(self) -> bool:
        """Whether this backend's questions are gated."""
        return self.choice == "on" or (self.choice == "remote" and self.remote)

    @property
    def finder(self) -> Finder:
        """What searches requests, at high sensitivity; loads the detectors.

        Raises
        ------
        MedcliError
            If a detector cannot be loaded.
        """
        if self._finder is None:
            from medcli.privacy.text.detectors import Watched, load
            from medcli.privacy.text.finder import Finder

            loaded = [
                load(one, trusted=self.trusted, timeout=self.timeout) if isinstance(one, str) else one
                for one in self.detectors
            ]
            watched = tuple(Watched(one, self.timeout) for one in loaded)
            self._finder = Finder(sensitivity="high", detectors=watched)
        return self._finder

    @property
    def reader(self) -> Finder:
        """What searches answers: rules and lists at balanced sensitivity."""
        if self._reader is None:
            from medcli.privacy.text.finder import Finder

            self._reader = Finder()
        return self._reader

    @property
    def version(self) -> str:
        """What decides the finds of rules and lists; loads no detector."""
        from medcli.privacy.text.finder import Finder

        return Finder(sensitivity="high").version

    def load(self) -> None:
        """Load what is costly: detectors, and the lists."""
        self.finder.find("")
        if self.cleaner is not None:
            self.cleaner.load()

    def session(self, vault: Vault | None = None) -> Session:
        """Begin a session, which has a vault of its own, or goes on with one."""
        from medcli.privacy.gating.session import Session

        return Session(self, vault)

    def sign(self, content: object) -> str:
        """HMAC-SHA256 of a JSON value under the run's key."""
        return keyed(self._key, content)


def _gate(values: dict[str, Any]) -> Gate:
    return Gate(**values)
