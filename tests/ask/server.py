"""A server of chat completions on loopback that misbehaves on request.

A word in the question names a mood, which lasts for that question's first attempts; what was asked is counted. The
answer repeats how many pictures stood before the question, and the question.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import Counter
from typing import Any

from aiohttp import web


class Server:
    """Runs in a thread of its own from ``with`` to the end of the block."""

    def __init__(
        self, *, refuses: tuple[str, ...] = (), key: str = "", moods: dict[str, str] | None = None
    ) -> None:
        self.refuses, self.key, self.moods = refuses, key, moods or {}
        self.asked: Counter[str] = Counter()
        self.order: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.received: list[bytes] = []  # every byte, and the headers
        self.statuses: Counter[int] = Counter()
        self.most_at_once = self.at_once = 0
        self.delay = 0.0

    def __enter__(self) -> Server:
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve(ready))
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.close()

    def add_routes(self, app: web.Application) -> None:
        """Offer more than chat completions."""

    async def _serve(self, ready: threading.Event) -> None:
        self.stopped = asyncio.Event()
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/chat/completions", self._complete)
        self.add_routes(app)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        ready.set()
        await self.stopped.wait()
        await runner.cleanup()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.received += [await request.read(), repr([request.raw_headers, request.raw_path]).encode()]
            response = await self._answer(request, await request.json())
            self.statuses[response.status] += 1
            return response
        finally:
            self.at_once -= 1

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": "bad key"}}, status=401)
        for name in self.refuses:
            if name in body:
                instead = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
                words = f"Unsupported parameter: '{name}' is not supported with this model.{instead}"
                return web.json_response({"error": {"message": words, "param": name}}, status=400)
        content = body["messages"][-1]["content"]
        shown = 0
        if isinstance(content, list):
            shown = [part["type"] for part in content].index("text")
            content = content[-1]["text"]
        self.asked[content] += 1
        self.order.append(content)
        self.bodies.append(body)
        mood = next((mood for word, mood in self.moods.items() if word in content), "")
        await asyncio.sleep(self.delay)
        if mood and (self.asked[content] <= 2 or mood.endswith("always")):
            response = await self._misbehave(request, mood.split()[0])
            if response is not None:
                return response
        text = f"{shown} {content}"
        if body.get("stream") and "at once" not in content:
            return await self._stream(request, text, cut="cut" in content)
        message = {"role": "assistant", "content": text}
        if "think" in content:
            message["content"] = f"<think>well</think> {text}"
        usage = {"prompt_tokens": 7, "completion_tokens": 3}
        reason = "length" if "long" in content else "stop"
        return web.json_response({"choices": [{"message": message, "finish_reason": reason}], "usage": usage})

    async def _misbehave(self, request: web.Request, mood: str) -> web.StreamResponse | None:
        match mood:
            case "429":
                return web.json_response({}, status=429, headers={"Retry-After": "0.02"})
            case "429-at-once":
                return web.json_response({}, status=429, headers={"Retry-After": "0"})
            case "429-unpaid":
                error = {"code": "insufficient_quota", "message": "You exceeded your current quota."}
                return web.json_response({"error": error}, status=429)
            case "drip":
                response = web.StreamResponse(headers={"Content-Type": "application/json"})
                await response.prepare(request)
                with contextlib.suppress(ConnectionError):
                    while True:
                        await response.write(b" ")
                        await asyncio.sleep(0.02)
                return response
            case "deep":
                return web.Response(text="[" * 100_000, content_type="application/json")
            case "endless":
                response = web.StreamResponse(headers={"Content-Type": "application/json"})
                await response.prepare(request)
                with contextlib.suppress(ConnectionError):
                    while True:
                        await response.write(b" " * 65536)
                return response
            case "hang":
                await asyncio.sleep(30)
            case "cut":
                response = web.StreamResponse(
                    headers={"Content-Type": "application/json", "Content-Length": "500"}
                )
                await response.prepare(request)
                await response.write(b'{"choices": [{"mess')
                assert request.transport is not None
                request.transport.close()
                return response
            case "garbled":
                return web.Response(text="<html>oops</html>", content_type="text/html")
            case "long":
                words = "This model's maximum context length is 512 tokens; 'max_tokens' is too large."
                return web.json_response({"message": words}, status=400)
            case status:
                return web.json_response({"error": {"message": "no"}}, status=int(status))
        return None

    async def _stream(self, request: web.Request, text: str, *, cut: bool) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for i in range(0, len(text), 3):
            event = {"choices": [{"delta": {"content": text[i : i + 3]}}]}
            await response.write(f"data: {json.dumps(event)}\n\n".encode())
            if cut and i > 3:
                assert request.transport is not None
                request.transport.close()
                return response
        event = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
        await response.write(f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode())
        return response
