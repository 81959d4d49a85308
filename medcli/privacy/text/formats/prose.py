"""Plain text and Markdown: the whole record is one string."""

from __future__ import annotations

from collections.abc import Sequence

from medcli.privacy.text.formats.token import Edit, Join, Token, applied

__all__ = ["Prose"]


class Prose:
    """Text without syntax."""

    name = "text"
    unit = "block"

    def __init__(self, suffix: str = ".txt") -> None:
        self.suffix = suffix

    def carries(self, line: str, *, inside: bool) -> bool:  # noqa: ARG002 - the protocol's
        """Nothing does."""
        return False

    def tokens(self, record: str) -> list[Token]:
        """The record itself."""
        return [Token(0, len(record), record)] if record else []

    def joins(self, record: str, tokens: Sequence[Token]) -> Sequence[Join]:  # noqa: ARG002 - the protocol's
        """Nothing is."""
        return ()

    def places(self, record: str, token: Token) -> Sequence[int]:  # noqa: ARG002 - the protocol's
        """Each character stands for itself."""
        return range(token.start, token.end + 1)

    def spelt(self, record: str, token: Token, edits: Sequence[Edit]) -> tuple[int, int, str]:  # noqa: ARG002
        """Edits as they are."""
        return token.start, token.end, applied(token.text, edits)
