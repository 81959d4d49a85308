"""A judge on loopback: it scores by rules that tests know, and misbehaves on words in what it is asked."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from aiohttp import web

from tests.ask.server import Server


class Judge(Server):
    """Says a match where reference and answer are equal; of two answers it prefers the first, and a longer one."""

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        content = body["messages"][-1]["content"]
        self.asked[content] += 1
        self.bodies.append(body)
        await asyncio.sleep(self.delay)
        if "mumble" in content:
            return self._says("Well, well.")
        parts = dict(re.findall(r"\[(?!End)([^\]]+)\]\n(.*?)\n\[End of", content, re.DOTALL))
        if "Reference" in parts:
            equal = parts["Reference"].lower() == parts["Answer to check"].lower().strip(".")
            return self._says(f'Sure:\n```json\n{{"match": {int(equal)}, "reason": "because"}}\n```')
        first, second = (min(8, len(parts[f"Assistant {side}"].split())) for side in "12")
        return self._says(f"{min(10, first + 2)} {max(1, second)}\nThe first one stands first.")

    def _says(self, text: str) -> web.Response:
        return web.json_response({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]})
