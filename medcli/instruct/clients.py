"""Who is asked: for samples, and where wished for verdicts on them.

Knows messages as chat completions take them; refuses to know what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from medcli.instruct.outcome import Account
from medcli.records import Turn

_VERDICT = 256  # tokens that a judge or a blind solver may write

Message = dict[str, Any]


class Client(Protocol):
    """Whoever continues a conversation: :class:`medcli.models.endpoint.chat.ChatClient`, or a batch of requests."""

    async def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        schema: Mapping[str, Any] | None = None,
        place: int = 0,
        seed: int = 0,
    ) -> Any:
        """Return a completion."""
        ...

    def notes(self) -> Sequence[str]:
        """Sentences for the person at the terminal."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


@dataclass(frozen=True, slots=True)
class Clients:
    """Who is asked: for samples, and where wished for verdicts on them; and what is done when all are closed."""

    samples: Client
    judge: Client | None = None
    blind: Client | None = None
    left: Callable[[], None] = lambda: None

    def all(self) -> list[Client]:
        """Each once."""
        return [one for one in (self.samples, self.judge, self.blind) if one is not None]

    async def close(self) -> None:
        """Close each."""
        for client in self.all():
            await client.close()
        self.left()


class Answers:
    """A client as judges are asked; what it costs is the figure's."""

    def __init__(self, client: Client, account: Account) -> None:
        self._client, self._account, self._asked = client, account, 0

    async def answer(self, turns: Sequence[Turn]) -> str:
        """Reply to messages: the likeliest words first, drawn ones to whoever asks further."""
        self._asked += 1
        completion = await self._client.complete(
            [message(role, text) for role, text in turns],
            max_tokens=_VERDICT,
            temperature=0.0 if self._asked == 1 else 1.0,
            seed=self._asked,
        )
        self._account.add(completion)
        return str(completion.text)


def message(role: str, text: str) -> Message:
    """One message of plain text."""
    return {"role": role, "content": text}
