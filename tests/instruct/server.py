"""A server on loopback that writes samples, and misbehaves where a figure's caption holds a word that asks for it.

Replies are whole samples of the kind that was asked for. ``asked`` counts requests by the figure's number, which its
caption names as ``case 17``.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from aiohttp import web

from tests.ask.server import Server as AskServer

STRUCTURES = [
    "cortex",
    "capsule",
    "stroma",
    "septum",
    "margin",
    "lumen",
    "mucosa",
    "parenchyma",
    "sinus",
    "hilum",
]
LOOKS = [
    "irregular",
    "smooth",
    "lobulated",
    "granular",
    "striated",
    "nodular",
    "homogeneous",
    "hazy",
    "dense",
    "pale",
]


def words_of(number: int) -> tuple[str, str, str]:
    """Three words that differ from figure to figure."""
    return STRUCTURES[number % 10], LOOKS[number // 10 % 10], LOOKS[(number // 100 + 3) % 10]


def sample(kind: str, number: int) -> dict[str, Any]:
    """What a good model would write."""
    structure, look, other = words_of(number)
    if kind == "choice":
        wrong = [
            f"A cystic {structure} with a rim",
            f"A missing {structure} on one side",
            f"A calcified {structure} alone",
        ]
        return {
            "question": "Which finding is present?",
            "answer": f"A {look} {structure} throughout",
            "wrong": wrong,
        }
    if kind == "description":
        text = (
            f"The picture shows tissue in which the {structure} is {look}. Its surface appears {other} towards the edge,"
            " and the surrounding tissue keeps its usual architecture. No other abnormality is to be seen, and the"
            " appearance as a whole is that of a localised change."
        )
        return {"description": text}
    turns = [
        {
            "question": f"How does the {structure} look?",
            "answer": f"The {structure} is {look} in this picture.",
        },
        {"question": "What can be said about its edge?", "answer": f"Towards the edge it appears {other}."},
    ]
    return {"turns": turns}


def kind_of(body: dict[str, Any]) -> str:
    """Which kind a request asks for, by its schema or its system text."""
    system = body["messages"][0]["content"]
    if '"wrong"' in system or '"Wrong:"' in system:
        return "choice"
    return "turns" if '"turns"' in system or '"User:"' in system else "description"


class Server(AskServer):
    """See :class:`tests.ask.server.Server`; moods are words of captions."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.seen: list[str] = []  # every text of every message, as it came
        self.plain = False

    def number_of(self, body: dict[str, Any]) -> int:
        """The figure's number, by the last message that names it."""
        return self.numbers(body)[-1]

    def numbers(self, body: dict[str, Any]) -> list[int]:
        return [int(found) for text in self.texts(body) for found in re.findall(r"case (\d+)", text)]

    @staticmethod
    def texts(body: dict[str, Any]) -> list[str]:
        contents = [message["content"] for message in body["messages"]]
        return [one if isinstance(one, str) else one[-1]["text"] for one in contents]

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": "bad key"}}, status=401)
        for name in self.refuses:
            if name in body:
                words = f"Unsupported parameter: '{name}' is not supported with this model."
                return web.json_response({"error": {"message": words, "param": name}}, status=400)
        number, texts = self.number_of(body), self.texts(body)
        self.bodies.append(body)
        self.seen += texts
        self.asked[str(number)] += 1
        self.order.append(str(number))
        told = next(text for text in reversed(texts) if f"case {number}" in text)
        mood = next((mood for word, mood in self.moods.items() if word in told), "")
        await asyncio.sleep(self.delay)
        first = self.asked[str(number)] == 1 or mood.endswith("always")
        if mood and first:
            response = await self._odd(request, mood.split()[0], body, number)
            if response is not None:
                return response
        return self._told(self.write(body, number))

    def write(self, body: dict[str, Any], number: int) -> str:
        """A reply's text."""
        return json.dumps(sample(kind_of(body), number))

    def _told(self, text: str, **more: Any) -> web.Response:
        message = {"role": "assistant", "content": text, **more}
        usage = {"prompt_tokens": 900, "completion_tokens": 60}
        headers = {"x-request-id": f"req-{len(self.order)}"}
        choice = {"message": message, "finish_reason": "stop"}
        return web.json_response({"model": "tiny-1", "choices": [choice], "usage": usage}, headers=headers)

    async def _odd(
        self, request: web.Request, mood: str, body: dict[str, Any], number: int
    ) -> web.StreamResponse | None:
        match mood:
            case "schema":
                return self._told('{"turns": [{"question": "Where is')
            case "refusal":
                return self._told("I'm sorry, but I can't help with that.")
            case "refusal-field":
                return self._told("", refusal="No.")
            case "empty-choices":
                return web.json_response({"choices": []})
            case "plain":
                turns = sample("turns", number)["turns"]
                return self._told(
                    "\n\n".join(
                        f"**User:** {one['question']}\n\n**ASSISTANT:** {one['answer']}" for one in turns
                    )
                )
            case "slow":
                response = web.StreamResponse(headers={"Content-Type": "application/json"})
                await response.prepare(request)
                content = self._told(self.write(body, number)).body
                assert isinstance(content, bytes)
                for start in range(0, len(content), 200):
                    await response.write(content[start : start + 200])
                    await asyncio.sleep(0.01)
                return response
            case "leak":
                return self._told(
                    json.dumps(
                        {
                            "turns": [
                                {
                                    "question": "What is the size?",
                                    "answer": "It measures 37 mm in this 58-year-old.",
                                }
                            ]
                        }
                    )
                )
        return await self._misbehave(request, mood)


class BatchServer(Server):
    """With a Batch API whose batches end at the third look, and of whose rows every tenth fails the first time."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.looks: dict[str, int] = {}
        self.rows: list[int] = []  # the numbers of all rows that were handed in
        self.stuck = False

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files/{name}/content", self._content)
        app.router.add_delete("/v1/files/{name}", self._delete)
        app.router.add_post("/v1/batches", self._begin)
        app.router.add_get("/v1/batches", self._list)
        app.router.add_get("/v1/batches/{name}", self._look)

    async def _upload(self, request: web.Request) -> web.Response:
        content = b""
        async for part in await request.multipart():
            if getattr(part, "name", "") == "file":
                content = await part.read()  # type: ignore[union-attr]
        return self._file(content)

    def _file(self, content: bytes) -> web.Response:
        name = f"file-{len(self.files)}"
        self.files[name] = content
        self.received.append(content)
        return web.json_response({"id": name})

    async def _content(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["name"]])

    async def _delete(self, request: web.Request) -> web.Response:
        return web.json_response({"id": request.match_info["name"], "deleted": True})

    async def _begin(self, request: web.Request) -> web.Response:
        told = await request.json()
        name = f"batch-{len(self.batches)}"
        self.batches[name] = {"id": name, "status": "validating", **told}
        lines = self.files[told["input_file_id"]].splitlines()
        self.rows += [self.number_of(json.loads(line)["body"]) for line in lines]
        return web.json_response(self.batches[name])

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"data": list(self.batches.values()), "has_more": False})

    async def _look(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.looks[name] = self.looks.get(name, 0) + 1
        batch = self.batches[name]
        if self.looks[name] >= 3 and not self.stuck and batch["status"] != "completed":
            self._end(batch)
        return web.json_response(batch)

    def _end(self, batch: dict[str, Any]) -> None:
        done, failed = [], []
        for place, line in enumerate(self.files[batch["input_file_id"]].splitlines()):
            row = json.loads(line)
            number = self.number_of(row["body"])
            self.asked[str(number)] += 1
            if place % 10 == 9 and self.asked[str(number)] == 1:
                response = {"status_code": 500, "request_id": "r", "body": {"error": {"message": "no"}}}
                failed.append({"custom_id": row["custom_id"], "response": response})
                continue
            content = json.loads(self._told(self.write(row["body"], number)).text or "")
            response = {"status_code": 200, "request_id": f"b-{number}", "body": content}
            done.append({"custom_id": row["custom_id"], "response": response, "error": None})
        for key, rows in (("output_file_id", done), ("error_file_id", failed)):
            self._file("".join(json.dumps(row) + "\n" for row in rows).encode())
            batch[key] = f"file-{len(self.files) - 1}"
        batch |= {"status": "completed", "request_counts": {"completed": len(done), "failed": len(failed)}}
