"""From the Spec to who is asked and what the worker is told: gate, prompts, checks, clients, budget.

Knows the options' meaning; opens prompts, price tables and files of tests. Nothing is sent here.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from medcli import files
from medcli.errors import MedcliError, SetupError, UsageError
from medcli.instruct import checks
from medcli.instruct.clients import Clients
from medcli.instruct.door import Door
from medcli.instruct.prompts import read_book
from medcli.instruct.spec import InstructSpec
from medcli.instruct.worker import Setting
from medcli.models.spending import Budget, BudgetSpent, load, price_for

if TYPE_CHECKING:
    from medcli.instruct.decontamination import Tests
    from medcli.pacing.pace import Pace

SPENT, SENT = "spent.json", "sent.json"
TROUBLE = "trouble.json"


def setting_of(spec: InstructSpec) -> Setting:
    """What the worker is told.

    Raises
    ------
    UsageError
        If a check, a detector, a prompt or a price is not what it should be.
    InputError
        If a file of tests cannot be read.
    """
    prices = load(spec.prices)
    for model in filter(None, (spec.model, spec.judge, spec.blind)):
        price_for(model, prices, needed=spec.max_cost is not None)
    door = Door.of(spec.gate, spec.addresses, spec.gate_pixels, spec.detector, spec.trust_host)
    book = read_book(
        spec.prompts,
        door.cleaner() if door.gate.applies else None,
        structured=spec.structured == "auto",
        pictures=spec.images is not None,
        mentions=spec.inline_mentions,
        examples=spec.examples,
    )
    if spec.images is not None and not spec.images.is_dir():
        raise UsageError("--images is no folder.", hint="Name the folder that the figures lie in.")
    return Setting(
        door,
        book,
        check_settings(spec, door),
        spec.model,
        spec.images,
        spec.inline_mentions,
        spec.structured == "auto",
        spec.temperature,
        spec.max_new_tokens,
        spec.seed,
        tests_of(spec),
    )


def tests_of(spec: InstructSpec) -> Tests | None:
    """What must not be trained on."""
    if not spec.decontaminate:
        return None
    from medcli.instruct.decontamination import Tests

    return Tests.of(spec.decontaminate, spec.decontaminate_images)


def notes_of(tests: Tests | None) -> list[str]:
    """What a person should know of the tests that samples were held against."""
    if tests is None:
        return []
    lost = {
        "not found": tests.missing,
        "unreadable": tests.unreadable,
        "too even to be told apart": tests.even,
    }
    return [f"Pictures of --decontaminate {why}: {count:,}." for why, count in lost.items() if count] + (
        [f"Rows of --decontaminate that are no questions: {tests.skipped:,}."] if tests.skipped else []
    )


def check_settings(spec: InstructSpec, door: Door) -> checks.Settings:
    """What rules are told."""
    if unknown := sorted(set(spec.skip_check) - set(checks.names())):
        raise UsageError(
            f"--skip-check names no check that there is: {unknown[0]}.",
            hint=f"They are: {', '.join(checks.names())}.",
        )
    return checks.Settings(
        off=frozenset(spec.skip_check),
        language=spec.language,
        reader=checks.reader(door.gate) if door.gate.applies else None,
    )


@dataclass(frozen=True, slots=True)
class Connecting:
    """Makes the clients where the work is done; picklable.

    Attributes
    ----------
    spec : InstructSpec
        The wishes.
    folder : Path
        The run's.
    """

    spec: InstructSpec
    folder: Path

    def __call__(self, at_work: Callable[[], int]) -> Clients:
        """As :func:`connect`."""
        for name, folder in (("--state", self.folder), ("--images", self.spec.images)):
            if folder is not None and not folder.is_dir():  # else each figure would be rejected, for good
                raise SetupError(
                    f"A node of the cluster does not see the folder of {name}.",
                    hint="Put it on a disk that all nodes share, under the same path.",
                )
        return connect(self.spec, self.folder, at_work)

    def tell(self, trouble: MedcliError) -> None:
        """Leave the words of what stops a run where the driver finds them, if it is elsewhere."""
        if self.spec.runner == "ray":
            told = [isinstance(trouble, BudgetSpent), trouble.message, trouble.hint]
            files.write(self.folder / TROUBLE, json.dumps(told), mode=0o600)

    def told(self) -> MedcliError | None:
        """What a worker told, once."""
        try:
            spent, message, hint = json.loads((self.folder / TROUBLE).read_bytes())
        except FileNotFoundError:
            return None
        (self.folder / TROUBLE).unlink()
        return (BudgetSpent if spent else SetupError)(message, hint=hint)

    def fold(self) -> None:
        """Add what workers of a cluster spent to what is known to be; a crash counts it twice rather than never."""
        parts = sorted(self.folder.glob("spent-*.json"))
        if parts:
            amounts = [Budget.kept(path, None).spent for path in (self.folder / SPENT, *parts)]
            Budget.kept(self.folder / SPENT, None, known=sum(amounts)).close()
        for path in parts:
            path.unlink()


def connect(spec: InstructSpec, folder: Path, at_work: Callable[[], int]) -> Clients:
    """Make the clients: one budget, one pace and one cache for all of them.

    Where several workers of a cluster do so, each has its share of the pace and notes what it spends in a file of its
    own.

    Parameters
    ----------
    spec : InstructSpec
        The wishes.
    folder : Path
        The run's, for what outlives a process.
    at_work : callable
        How many figures are on their way, for batches.
    """
    from medcli.models.endpoint.chat import ChatClient

    prices = load(spec.prices)
    sharers = (spec.ray_workers or 1) if spec.runner == "ray" else 1
    name = SPENT if sharers == 1 else f"spent-{secrets.token_hex(8)}.json"
    budget = Budget.kept(folder / name, spec.max_cost)

    def client(model: str) -> ChatClient:
        return ChatClient(
            spec.addresses,
            None,
            model,
            timeout=spec.timeout,
            rpm=spec.rpm and max(1, spec.rpm // sharers),
            tpm=spec.tpm and max(1, spec.tpm // sharers),
            budget=budget,
            prices=prices,
            cache=spec.cache,
        )

    first = client(spec.model)
    others = [client(model) if model else None for model in (spec.judge, spec.blind)]
    for other in filter(None, others):
        other.pace = first.pace
    left = partial(_keep, first.pace, folder / SENT) if sharers == 1 else _nothing
    if sharers == 1:
        _resume(first.pace, folder / SENT)
    if not spec.batch:
        return Clients(first, others[0], others[1], left)
    from medcli.instruct.batching import Crowd, Desk

    crowd = Crowd(at_work)
    names = ("samples", "judge", "blind")
    desks = [
        one and Desk(one, folder / f"batch-{name}.sqlite", crowd)
        for name, one in zip(names, (first, *others), strict=True)
    ]
    return Clients(desks[0], desks[1], desks[2], left)  # type: ignore[arg-type]  # the first is there


def _nothing() -> None:
    pass


def _keep(pace: Pace, path: Path) -> None:
    """Write down what counts still: the next round, or the next run, begins within the same minute."""
    kept = pace.window.kept(pace.clock())
    with contextlib.suppress(OSError):  # where the disk is full, the run has ended for that
        files.write(path, json.dumps({"time": time.time(), "sent": kept}), mode=0o600)


def _resume(pace: Pace, path: Path) -> None:
    try:
        told = json.loads(path.read_bytes())
        passed = max(0.0, time.time() - told["time"])
        kept = [(seconds - passed, int(tokens), int(requests)) for seconds, tokens, requests in told["sent"]]
    except (OSError, ValueError, KeyError, TypeError):  # it was never written whole, and a minute mends it
        return
    pace.window.resume(kept, pace.clock())
