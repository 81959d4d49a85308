"""A model of no weights behind the real protocol, and the command line with it in transformers' place.

Its answers depend on what it is shown and asked alone. Words in a question put it into a mood; every row that it is
asked leaves a line in the file that FAKE_LOG names, every load one in FAKE_LOG.loads.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from medcli import cli
from medcli.errors import ItemFailed, SetupError
from medcli.imaging import open_picture, pixel_hash
from medcli.models import registry
from medcli.models.protocol import Description, Engine, ModelSpec, Reply, Request, Sampling


def load(spec: ModelSpec) -> Fake:
    if spec.model == "missing":
        raise SetupError("There is no such model.", hint="Check --model.")
    note("loads", str(os.getpid()))
    return Fake(spec)


def note(name: str, line: str) -> None:
    path = os.environ.get("FAKE_LOG")
    if path:
        descriptor = os.open(f"{path}.{name}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{line}\n".encode())
        os.close(descriptor)


def first(name: str) -> bool:
    """Whether this is the first time that somebody asks, in any process."""
    path = Path(os.environ["FAKE_LOG"]).with_name(f"first-{name.replace(' ', '-')}")
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class Fake:
    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.path = "auto"

    def describe(self) -> Description:
        name = Path(self.spec.model).name
        return Description(
            name, "chat", "simple", self.spec.dtype, "fake-processor", notes=("A fake answers.",)
        )

    def prompt(self, request: Request) -> str:
        return request.turns[-1][1].replace("<image>", "").strip()

    def count_tokens(self, request: Request) -> int:
        return len(self.prompt(request).split())

    def generate(self, requests: Sequence[Request], settings: Sampling) -> Iterator[Reply]:
        if settings.path == "auto" and any(one.pictures for one in requests):
            note("chosen", str(os.getpid()))
            self.path = "prefix"
        for request in requests:
            yield self.reply(request, settings)

    def reply(self, request: Request, settings: Sampling) -> Reply:
        time.sleep(float(os.environ.get("FAKE_DELAY", "0")))
        prompt = self.prompt(request)
        note("asked", request.key)
        self.mood(prompt)
        try:
            shown = [pixel_hash(open_picture(one.source)) + f"+{one.extra}" for one in request.pictures]
        except ItemFailed as error:
            return Reply(request.key, prompt=prompt, finish_reason="error", error=error.kind)
        text = hashlib.sha256(
            repr((request.turns, shown, settings.seed, self.spec.model)).encode()
        ).hexdigest()[:12]
        if "say nothing" in prompt:
            text = ""
        return Reply(
            request.key,
            text,
            prompt,
            "stop",
            len(prompt.split()),
            1,
            0.123456,
            "hm" if "think" in prompt else "",
        )

    def mood(self, prompt: str) -> None:
        if "kill" in prompt and not ("once" in prompt and not first(prompt)):
            os.kill(os.getpid(), signal.SIGKILL)
        if "no memory" in prompt:
            raise SetupError("There is no memory even for one row.", hint="Take a smaller model.")
        if "bug" in prompt:
            raise ZeroDivisionError(prompt)

    def stream(self, request: Request, settings: Sampling) -> Iterator[str]:
        reply = self.reply(request, settings)
        if reply.error:
            raise SetupError(reply.error)
        yield from (reply.text[:5], reply.text[5:])

    def trace(self, request: Request, settings: Sampling) -> tuple[Reply, dict[str, Any]]:
        import numpy as np

        return self.reply(request, settings), {"out": np.arange(3)}

    def engine(self) -> Engine:
        return Engine(self.path, 4096, notes=("Took the fast path.",))

    def close(self) -> None:
        note("closed", str(os.getpid()))


registry.BACKENDS["transformers"] = "tests.ask.fake"  # in worker processes too: they import this module

if __name__ == "__main__":
    sys.exit(cli.main())
