"""CPU and requests a second of the client of chat completions, beside plain aiohttp and OpenAI's SDK, interleaved in one run.

64 requests at a time with texts of 3.5 kB, a server on loopback in another process, whose time is not counted; imports
and the first requests are not either. medcli runs as `generate-instruct` runs it: paced, with a budget, with a cache of replies
that knows none of them. Medians.

    python -m benchmarks.client_speed [--requests 8000] [--sdk-requests 1000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks.client_server import running
from benchmarks.machine import machine, sentence
from benchmarks.measure import ENVIRONMENT, ROOT
from benchmarks.table import keep, table, verdict

AT_ONCE, SIZE, WARM = 64, 3500, 200
MEDCLI, BARE, PLAIN, SDK = "medcli", "medcli, no cache, no budget", "plain aiohttp", "openai SDK"
CPU_BAR, RATE_BAR = 0.6, 1200.0
Ask = Callable[[str], Awaitable[object]]


def texts() -> list[str]:
    """Some texts of words, made before anything is timed."""
    rng, words = random.Random(7), ("lung", "nodule", "effusion", "no acute", "finding in", "left", "lobe")
    return [" ".join(rng.choice(words) for _ in range(800))[: SIZE - 8] for _ in range(97)]


async def at_once(ask: Ask, many: Sequence[str], first: int, count: int) -> None:
    """Ask so many, 64 at a time; no two are the same."""
    numbers = iter(range(first, first + count))

    async def one() -> None:
        for number in numbers:
            await ask(f"{number:8}{many[number % len(many)]}")

    await asyncio.gather(*(one() for _ in range(AT_ONCE)))


async def timed(ask: Ask, count: int) -> dict[str, float]:
    many = texts()
    await at_once(ask, many, -WARM, WARM)
    wall, cpu = time.perf_counter(), time.process_time()
    await at_once(ask, many, 0, count)
    return {"cpu": (time.process_time() - cpu) / count * 1000, "rate": count / (time.perf_counter() - wall)}


async def medcli(url: str, count: int, *, whole: bool) -> dict[str, float]:
    from medcli.models import prices
    from medcli.models.endpoint.chat import ChatClient
    from medcli.models.spending import Budget

    with tempfile.TemporaryDirectory(prefix="medcli-bench-") as folder:
        more = {}
        if whole:
            budget = Budget.kept(Path(folder) / "spent.json", 10_000.0)
            more = {"cache": Path(folder) / "replies", "budget": budget, "prices": prices.load()}
            more |= {"rpm": 10_000_000, "tpm": 10**11}
        async with ChatClient([url], "key", "gpt-4o-mini", **more) as chat:  # type: ignore[arg-type]

            async def ask(words: str) -> object:
                told = await chat.complete([{"role": "user", "content": words}], max_tokens=200)
                assert told.text.startswith("The film")
                return told

            return await timed(ask, count)


async def plain(url: str, count: int) -> dict[str, float]:
    import aiohttp

    headers = {"Authorization": "Bearer key"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def ask(words: str) -> object:
            messages = [{"role": "user", "content": words}]
            body = {"model": "gpt-4o-mini", "messages": messages, "max_tokens": 200, "temperature": 0.0}
            async with session.post(f"{url}/chat/completions", json=body) as response:
                told = await response.json()
            assert told["choices"][0]["message"]["content"].startswith("The film")
            return told

        return await timed(ask, count)


async def sdk(url: str, count: int) -> dict[str, float]:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=url, api_key="key", max_retries=0, timeout=60) as client:

        async def ask(words: str) -> object:
            told = await client.chat.completions.create(
                model="gpt-4o-mini",
                messages=[{"role": "user", "content": words}],
                max_tokens=200,
                temperature=0.0,
            )
            assert str(told.choices[0].message.content).startswith("The film")
            return told

        return await timed(ask, count)


CONTENDERS: dict[str, Callable[[str, int], Awaitable[dict[str, float]]]] = {
    MEDCLI: lambda url, count: medcli(url, count, whole=True),
    BARE: lambda url, count: medcli(url, count, whole=False),
    PLAIN: plain,
    SDK: sdk,
}


def run(name: str, url: str, count: int) -> dict[str, float]:
    """One contender in a process of its own."""
    code = "import sys; from benchmarks.client_speed import child; child(sys.argv[1], sys.argv[2], int(sys.argv[3]))"
    command = [sys.executable, "-c", code, name, url, str(count)]
    told = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if told.returncode:
        sys.exit(f"{name}: exit {told.returncode}\n{told.stderr[-2000:]}")
    found: dict[str, float] = json.loads(told.stdout)
    return found


def child(name: str, url: str, count: int) -> None:
    async def main() -> dict[str, float]:
        return await CONTENDERS[name](url, count)

    print(json.dumps(asyncio.run(main())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=8000)
    parser.add_argument("--sdk-requests", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    arguments = parser.parse_args()
    facts = machine()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    with running() as url:
        for _ in range(arguments.rounds):
            for name in CONTENDERS:
                count = arguments.sdk_requests if name == SDK else arguments.requests
                found[name].append(run(name, url, count))
                print(f"  {name}: {found[name][-1]}", file=sys.stderr)
    cpu = {name: statistics.median(one["cpu"] for one in all_) for name, all_ in found.items()}
    rate = {name: statistics.median(one["rate"] for one in all_) for name, all_ in found.items()}
    print(
        f"The client of chat completions. {sentence(facts)}; median of {arguments.rounds} interleaved rounds\n"
    )
    rows = [
        (name, f"{cpu[name]:.2f}", f"{cpu[name] / cpu[PLAIN]:.2f}", f"{rate[name]:,.0f}") for name in found
    ]
    print(table(("client", "CPU ms a request", "of plain aiohttp", "requests a second"), rows) + "\n")
    bars = [
        (
            "CPU ms a request",
            f"{cpu[MEDCLI]:.2f}",
            f"<= {CPU_BAR}",
            verdict(cpu[MEDCLI], CPU_BAR, at_most=True),
        ),
        ("requests a second", f"{rate[MEDCLI]:,.0f}", f">= {RATE_BAR:,.0f}", verdict(rate[MEDCLI], RATE_BAR)),
    ]
    print(table(("medcli", "found", "bar", "met"), bars))
    keep(arguments.json, "client_speed", {"machine": facts, "cpu_ms": cpu, "requests_a_second": rate})


if __name__ == "__main__":
    main()
