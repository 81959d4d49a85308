"""A server of chat completions that costs next to nothing, in a process of its own, so that clients are what is measured.

It answers every request with the same text, counts a token for four bytes of the request and as many as it is told for
the answer, and writes down when each request came: `GET /log` gives the list, in seconds of the machine's monotonic clock.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_TEXT = "The film shows no acute finding. " * 12


class Server(asyncio.Protocol):
    """One connection."""

    def __init__(self, log: list[tuple[float, int]], latency: float, written: int, head: bytes) -> None:
        self.log, self.latency, self.written, self.head = log, latency, written, head
        self.buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end]).lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            del self.buffer[: end + 4 + length]
            if head.startswith(b"get"):
                self.answer(json.dumps(self.log).encode())
            else:
                self.complete(length)

    def complete(self, length: int) -> None:
        read = length // 4
        written = self.written // 2 + (len(self.log) * 7919) % (self.written // 2 + 1)
        self.log.append((time.monotonic(), read + written))
        usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        message = {"role": "assistant", "content": _TEXT}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        body = {"id": f"chatcmpl-{len(self.log)}", "object": "chat.completion", "created": 0, "model": "m"}
        content = json.dumps({**body, "choices": choices, "usage": usage}).encode()
        if self.latency:
            asyncio.get_running_loop().call_later(self.latency, self.answer, content)
        else:
            self.answer(content)

    def answer(self, content: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(content)
        self.transport.write(head + self.head + b"\r\n" + content)  # type: ignore[attr-defined]


@contextlib.contextmanager
def running(latency: float = 0.0, written: int = 100, headers: str = "") -> Iterator[str]:
    """Run the server; its base address."""
    command = [sys.executable, "-m", "benchmarks.client_server", "--latency", str(latency)]
    command += ["--written", str(written), "--headers", headers]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.terminate()


def log_of(url: str) -> list[tuple[float, int]]:
    """When requests came, and what they were counted as."""
    with urllib.request.urlopen(f"{url}/log") as response:
        return [(when, tokens) for when, tokens in json.load(response)]


async def _serve(arguments: argparse.Namespace) -> None:
    log: list[tuple[float, int]] = []
    head = "".join(f"{line.strip()}\r\n" for line in arguments.headers.split(";") if line.strip()).encode()
    server = await asyncio.get_running_loop().create_server(
        lambda: Server(log, arguments.latency, arguments.written, head), "127.0.0.1", 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--written", type=int, default=100)
    parser.add_argument("--headers", default="")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args()))
