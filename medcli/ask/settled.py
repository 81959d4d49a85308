"""What a run's first worker found out, kept with the run: the model's facts, the engine's path and its batches.

Every other worker, and every resumed run, goes by it, so that answers do not depend on who computed them. The file is
small, is replaced whole, and is changed only under a lock that the kernel lets go of however its holder ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from medcli import files
from medcli.errors import SetupError
from medcli.models.protocol import Description, Engine, EnginePath, Sampling

FILE = "settled.json"
DEATHS = "deaths.json"
_GRACE_SECONDS = 10.0
_FACTS = ("model_id", "family", "template", "dtype", "image_processor", "vision_weights")


@dataclass(frozen=True, slots=True)
class Settled:
    """The file and its lock.

    Attributes
    ----------
    folder : Path
        Beside the plan.
    """

    folder: Path

    def read(self) -> dict[str, Any]:
        """Return what is known; nothing before the first worker is ready."""
        try:
            return cast("dict[str, Any]", json.loads((self.folder / FILE).read_bytes()))
        except FileNotFoundError:
            return {}

    def describe(self, model: Description) -> None:
        """Note the model's facts, or hold them against those that the run was begun with.

        Raises
        ------
        SetupError
            If the model is loaded otherwise, so that its answers would be others.
        """
        with self.locked():
            known = self.read()
            if not known:
                self._write({"model": asdict(model)})
                return
            before = known["model"]
            others = [name for name in _FACTS if before.get(name) != getattr(model, name)]
        if others:
            names = ", ".join(name.replace("_", " ") for name in others)
            raise SetupError(
                f"The model is loaded otherwise than when this run was begun: {names}.",
                hint="Say which with --dtype, --template or --vision-weights, or begin anew with --restart.",
            )

    def model(self) -> Description | None:
        """Return the model's facts, if a worker has been ready."""
        known = self.read().get("model")
        return Description(**{**known, "notes": tuple(known["notes"])}) if known else None

    def sampling(self, wanted: Sampling) -> Sampling:
        """Return the settings with what was settled in place of what was left to choose."""
        known = self.read()
        path = cast("EnginePath", known.get("path", wanted.path))
        return replace(wanted, path=path, batch_tokens=known.get("batch_tokens", wanted.batch_tokens))

    def is_open(self, wanted: Sampling, *, pictures: bool) -> bool:
        """Whether something that a chunk with or without pictures needs is still to be chosen."""
        known = self.read()
        path_open = pictures and wanted.path == "auto" and "path" not in known
        return path_open or "batch_tokens" not in known

    def note(self, engine: Engine) -> None:
        """Note what the engine chose: its path once, its batches whenever memory made them smaller."""
        with self.locked():
            known = self.read()
            fresh = dict(known)
            if engine.path != "auto":
                fresh.setdefault("path", engine.path)
            if engine.batch_tokens:
                fresh["batch_tokens"] = min(
                    engine.batch_tokens, known.get("batch_tokens", engine.batch_tokens)
                )
            if engine.notes:
                fresh["notes"] = sorted({*known.get("notes", ()), *engine.notes})
            if fresh != known:
                self._write(fresh)

    @contextlib.contextmanager
    def locked(self, name: str = "settled.lock") -> Iterator[None]:
        """Wait for a lock and hold it for the block."""
        descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def claim(self, count: int) -> tuple[int, int]:
        """Take the first free of ``count`` seats for as long as this process lives.

        Returns
        -------
        int, int
            The seat, and the descriptor that holds it.

        Raises
        ------
        SetupError
            If none is free.
        """
        deadline = time.monotonic() + _GRACE_SECONDS  # a process of a killed run may be about to end
        for seat in itertools.cycle(range(count)):
            descriptor = os.open(self.folder / f"seat-{seat}", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return seat, descriptor
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        raise SetupError(
            "Another run computes on the same devices in this run's folder.", hint="Wait for it."
        )

    @contextlib.contextmanager
    def trying(self, seat: int, key: str) -> Iterator[None]:
        """Keep a chunk's key in the seat while it is asked: it is left there only where the process dies of it."""
        os.pwrite(seat, key.encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(seat, 0)

    def deaths(self) -> dict[str, int]:
        """Return how often processes died while they asked a chunk; those that died since the last call count now."""
        path = self.folder / DEATHS
        known: dict[str, int] = json.loads(path.read_bytes()) if path.exists() else {}
        before = dict(known)
        for seat in sorted(self.folder.glob("seat-*")):
            descriptor = os.open(seat, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                key = os.pread(descriptor, 100, 0).decode()
                os.ftruncate(descriptor, 0)
            except BlockingIOError:
                key = ""  # its holder lives
            finally:
                os.close(descriptor)
            if key:
                known[key] = known.get(key, 0) + 1
        if known != before:
            files.write(path, json.dumps(known), mode=0o600)
        return known

    def _write(self, known: dict[str, Any]) -> None:
        files.write(self.folder / FILE, json.dumps(known), mode=0o600)
