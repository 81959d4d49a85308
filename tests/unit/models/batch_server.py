"""The Batch API on loopback: batches take three polls, a tenth of the rows fails, and it misbehaves on request."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from typing import Any

from aiohttp import web


class BatchServer:
    """Runs in a thread of its own from ``with`` to the end of the block.

    Attributes
    ----------
    files, batches : dict
        What is kept, by id.
    asked : Counter
        How often each custom_id was answered or failed.
    refuses : str
        A parameter that rows must not have.
    moods : dict
        What goes wrong: ``create`` and ``upload`` with a list of words, used up one by one; ``end`` with how batches end.
    """

    def __init__(self, *, refuses: str = "", lists: bool = True, **moods: Any) -> None:
        self.refuses, self.lists, self.moods = refuses, lists, moods
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.polls: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.deleted: list[str] = []
        self.keys: set[str] = set()

    def __enter__(self) -> BatchServer:
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
        self.loop.close()

    async def _serve(self, ready: threading.Event) -> None:
        self.stopped = asyncio.Event()
        app = web.Application(client_max_size=1 << 28)
        add = app.router
        add.add_post("/v1/files", self._upload)
        add.add_get("/v1/files/{id}/content", self._content)
        add.add_delete("/v1/files/{id}", self._delete)
        add.add_post("/v1/batches", self._create)
        add.add_get("/v1/batches", self._list)
        add.add_get("/v1/batches/{id}", self._show)
        add.add_post("/v1/batches/{id}/cancel", self._cancel)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        ready.set()
        await self.stopped.wait()
        await runner.cleanup()

    def _mood(self, where: str) -> str:
        waiting = self.moods.get(where) or []
        return waiting.pop(0) if waiting else ""

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        self.keys.add(request.headers.get("Authorization", ""))
        form = await request.post()
        assert form["purpose"] == "batch"
        file = form["file"]
        assert isinstance(file, web.FileField)
        if mood := self._mood("upload"):
            return web.json_response({}, status=int(mood), headers={"Retry-After": "0.01"})
        name = f"file-{len(self.files)}"
        self.files[name] = file.file.read()
        return web.json_response({"id": name, "object": "file", "purpose": "batch"})

    async def _content(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        if name not in self.files:
            return web.json_response({}, status=404)
        if self._mood("content"):
            response = web.StreamResponse(headers={"Content-Length": str(len(self.files[name]))})
            await response.prepare(request)
            await response.write(self.files[name][:100])
            assert request.transport is not None
            request.transport.close()
            return response
        return web.Response(body=self.files[name])

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        self.deleted.append(request.match_info["id"])
        self.files.pop(request.match_info["id"], None)
        return web.json_response({"deleted": True})

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        mood = self._mood("create")
        if mood.isdigit():
            return web.json_response({}, status=int(mood))
        name = f"batch_{len(self.batches)}"
        self.batches[name] = {
            **body, "id": name, "status": "validating", "output_file_id": None, "error_file_id": None, "errors": None,
            "request_counts": None,
        }  # fmt: skip
        if mood == "lost":  # made, but the client never hears of it
            assert request.transport is not None
            request.transport.close()
        return web.json_response(self.batches[name])

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if not self.lists:
            return web.json_response({}, status=404)
        names = list(self.batches)
        start = names.index(request.query["after"]) + 1 if "after" in request.query else 0
        page = [self.batches[name] for name in names[start : start + 2]]
        return web.json_response({"data": page, "has_more": len(names) > start + 2})

    async def _show(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        if name not in self.batches:
            return web.json_response({}, status=404)
        self.polls[name] += 1
        batch = self.batches[name]
        if self.polls[name] == 2:
            batch["status"] = "in_progress"
        if self.polls[name] >= 3 and batch["output_file_id"] is None and batch["status"] != "cancelled":
            self._end(batch, self._mood("end") or "completed")
        return web.json_response(batch)

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        batch = self.batches[request.match_info["id"]]
        batch["status"] = "cancelled"
        return web.json_response(batch)

    def _end(self, batch: dict[str, Any], status: str) -> None:
        batch["status"] = status.split(maxsplit=1)[0]
        if batch["status"] == "failed":
            batch["errors"] = {"data": [{"code": status.split()[1], "message": "canary text", "line": None}]}
            return
        rows = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        answered = rows[: len(rows) // 2] if status == "expired" else rows
        replies, failures = [], []
        for row in reversed(answered):  # in any order
            name = row["custom_id"]
            self.asked[name] += 1
            if self.refuses and self.refuses in row["body"]:
                words = {
                    "error": {"message": f"Unsupported parameter: {self.refuses}", "param": self.refuses}
                }
                failures.append(
                    {"custom_id": name, "response": {"status_code": 400, "body": words}, "error": None}
                )
            elif int(name.rpartition("-")[2]) % 10 == 3 and self.asked[name] == 1:
                failures.append(
                    {"custom_id": name, "response": {"status_code": 500, "body": {}}, "error": None}
                )
            else:
                replies.append(_reply(row))
        for row in rows[len(answered) :]:
            error = {"code": "batch_expired", "message": "This request could not be executed in time."}
            failures.append({"custom_id": row["custom_id"], "response": None, "error": error})
        for kind, lines in (("output_file_id", replies), ("error_file_id", failures)):
            name = f"file-{len(self.files)}"
            self.files[name] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
            batch[kind] = name
        batch["request_counts"] = {"total": len(rows), "completed": len(replies), "failed": len(failures)}


def _reply(row: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": f"to {row['body']['messages'][-1]['content']}"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    body = {
        "id": "c",
        "model": "m",
        "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": usage,
    }
    return {
        "id": "r",
        "custom_id": row["custom_id"],
        "response": {"status_code": 200, "request_id": "q", "body": body},
        "error": None,
    }
