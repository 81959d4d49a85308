"""A small command with everything a real one has, and ways to go wrong on request."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from medcli import cli, console, files, jobs
from medcli.commands.options import from_spec
from medcli.errors import ItemFailed, SetupError, Transient
from medcli.jobs import Item, Row
from medcli.settings import fingerprint, option

SECRET = "Müller^Änne"


@dataclass(frozen=True)
class ToySpec:
    items: int = option("How many items.", default=10, minimum=0)
    seed: str = option("Mixed into every value.", default="s")
    delay: float = option("Seconds an item takes.", default=0.0, shapes_product=False)
    mood: tuple[str, ...] = option("PLACE=MOOD: what an item does.", default=(), shapes_product=False)
    places: tuple[int, ...] = option("These items instead of the first N.", default=(), shapes_product=False)


@dataclass
class ToyJob:
    """Item ``i`` gives ``i <hash>``; the product is one line an item in input order."""

    spec: ToySpec
    folder: Path
    flushed: list[Row] = field(default_factory=list)
    name: str = "toy"
    asynchronous: bool = False

    def fingerprint(self) -> Mapping[str, object]:
        return fingerprint(self.spec)

    def items(self) -> Iterator[Item]:
        moods = dict(mood.split("=") for mood in self.spec.mood)
        for i in self.spec.places or range(self.spec.items):
            yield Item(hashlib.sha256(str(i).encode()).hexdigest(), (i, moods.get(str(i), "")))

    def worker(self) -> Any:
        kind = AsyncToy if self.asynchronous else Toy
        return kind(str(self.folder), self.spec.seed, self.spec.delay)

    def flush(self, rows: Sequence[Row]) -> None:
        self.flushed += rows

    def finish(self, run: jobs.Run) -> None:
        lines = [row.value.decode() for _, row in run.rows() if row.state == "done"]
        files.write(self.folder / "product.txt", "".join(f"{line}\n" for line in lines))


def expected(spec: ToySpec, *, but: Sequence[int] = ()) -> bytes:
    """Say what the product must be."""
    places = [i for i in spec.places or range(spec.items) if i not in but]
    return b"".join(_value(spec.seed, i) + b"\n" for i in places)


def _value(seed: str, i: int) -> bytes:
    return f"{i} {hashlib.sha256(f'{seed}{i}'.encode()).hexdigest()}".encode()


class Toy:
    """Worker factory and worker in one. Every item done leaves a line in the file ``ran``."""

    def __init__(self, folder: str, seed: str, delay: float) -> None:
        self.folder, self.seed, self.delay = Path(folder), seed, delay

    def __enter__(self) -> Toy:
        if self.seed == "no-model":
            raise SetupError("There is no model.", hint="Get one.")
        if self.seed == "broken":
            raise ZeroDivisionError(SECRET)
        self.tried: dict[int, int] = {}
        self._log("pids", str(os.getpid()))
        return self

    def __exit__(self, *_: object) -> None:
        self._log("left", str(os.getpid()))

    def __call__(self, payload: tuple[int, str]) -> Iterator[Row]:
        i, mood = payload
        time.sleep(self.delay)
        yield from self._rows(i, mood)

    def _rows(self, i: int, mood: str) -> Iterator[Row]:
        self.tried[i] = self.tried.get(i, 0) + 1
        self._log("ran", str(i))
        match mood:
            case "raise":
                yield Row("", "done", value=b"must not be kept")
                raise KeyError(SECRET)
            case "fail":
                raise ItemFailed("spoilt")
            case "stop" if not (self.folder / "mended").exists():
                raise ItemFailed("wrong-key", stops=True)
            case "full":
                raise OSError(28, "No space left on device", SECRET)
            case "exit":
                sys.exit(3)
            case "interrupt" if self._first("interrupted"):
                raise KeyboardInterrupt
            case "transient" if self.tried[i] < 3:
                raise Transient("busy", retry_after=0.05)
            case "away":
                raise Transient("away")
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "leave":
                os._exit(0)
            case "kill-once" if self._first(f"killed-{i}"):
                os.kill(os.getpid(), signal.SIGKILL)
            case "many":
                yield Row(f"a{i}", "skipped", "twin", bytes=5)
                yield Row(f"b{i}", "failed", "odd", bytes=7)
            case str() if mood.startswith("flood"):
                for part in range(1, 2201):
                    if part == 1700:
                        self._drown(i, mood.removeprefix("flood"))
                    yield Row(f"{i}/{part}", "skipped" if part % 2 else "failed", "drop")
            case str() if mood.startswith("echo"):
                yield Row(f"echo{i}", "done", value=mood.encode())
            case "nonsense":
                yield Row("", "perhaps")  # type: ignore[arg-type]
        yield Row("", "done", "made", _value(self.seed, i), 1)

    def _drown(self, i: int, mood: str) -> None:
        if mood == "-raise":
            raise KeyError(SECRET)
        if mood == "-transient" and self.tried[i] < 3:
            raise Transient("busy")
        if mood == "-kill" or (mood == "-kill-once" and self._first(f"killed-{i}")):
            time.sleep(0.3)  # so that the driver has what came before
            os.kill(os.getpid(), signal.SIGKILL)

    def _first(self, name: str) -> bool:
        try:
            os.close(os.open(self.folder / name, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    def _log(self, name: str, line: str) -> None:
        descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{line}\n".encode())
        os.close(descriptor)


class AsyncToy(Toy):
    """The same worker for an event loop."""

    async def __aenter__(self) -> Any:
        Toy.__enter__(self)
        return self.work

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()

    async def work(self, payload: tuple[int, str]) -> list[Row]:
        import asyncio

        await asyncio.sleep(self.delay)
        return list(self._rows(*payload))


def runner(name: str) -> jobs.Runner:
    """Make a runner by its name in the tests."""
    retry = jobs.Retry(attempts=3, base=0.001)
    match name.split("-"):
        case ["serial"]:
            return jobs.SerialRunner(retry)
        case ["async"]:
            return jobs.AsyncRunner(8, retry)
        case ["process", workers]:
            return jobs.ProcessRunner(int(workers), retry=retry)
        case ["async", "process", workers]:
            return jobs.ProcessRunner(int(workers), chunk=8, retry=retry)
        case ["ray", *_, workers]:
            from medcli.jobs.runners.cluster import Needs

            needs = Needs(int(workers), cpus=0.5)
            return jobs.RayRunner(os.environ["TOY_CLUSTER"], needs, concurrency=8, retry=retry)
    raise ValueError(name)


@click.command()
@from_spec(ToySpec)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--runner", "where", default="serial")
@click.option("--restart", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
def toy(spec: ToySpec, folder: Path, where: str, *, restart: bool, as_json: bool) -> int:
    """Make a product of nothing."""
    job = ToyJob(spec, folder, asynchronous="async" in where)
    with console.Bar("Toying") as bar:
        report = jobs.run(job, state=folder / "state", runner=runner(where), restart=restart, progress=bar)
    if as_json:
        console.document(report.to_json())
    else:
        console.out(console.table(report.table()))
    return report.exit_code


if __name__ == "__main__":
    cli.COMMANDS["toy"] = ("tests.contract.toy", "Make a product of nothing.")
    sys.exit(cli.main())
