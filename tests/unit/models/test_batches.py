"""Batches: every row comes to an end, each is paid for once, and days may pass in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from medcli.errors import SetupError
from medcli.models import prices
from medcli.models.endpoint import client
from medcli.models.endpoint.batches import Batches, BatchRow, BatchState
from medcli.models.endpoint.chat import ChatClient
from medcli.models.prices import PICO
from medcli.models.spending import Budget, BudgetSpent
from tests.unit.models.batch_server import BatchServer

QUICK = (0.005, 0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSE", 0.005)


def within(
    server: BatchServer,
    body: Callable[[Batches, ChatClient], Awaitable[Any]],
    budget: Budget | None = None,
    **more: Any,
) -> Any:
    """Run something with a client and its batches."""

    async def main() -> Any:
        table = prices.load() if budget else None
        async with (
            ChatClient([server.url], "k3y", "gpt-4o-mini", budget=budget, prices=table) as chat,
            Batches(chat, **more) as batches,
        ):
            return await body(batches, chat)

    return asyncio.run(main())


def rows_of(chat: ChatClient, count: int, start: int = 0) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"row-{i}", chat.body([{"role": "user", "content": f"question {i}"}], max_tokens=20))
        for i in range(start, start + count)
    ]


async def read(batches: Batches, state: BatchState, rows: list[tuple[str, Any]]) -> dict[str, BatchRow]:
    """Read all parts; rows belong to them in order."""
    got, at = {}, 0
    for part in state.parts:
        names = [name for name, _ in rows[at : at + part.rows]]
        at += part.rows
        async for row in batches.results(part, names):
            got[row.custom_id] = row
    return got


def test_rows_are_answered_and_those_that_failed_are_handed_in_again() -> None:
    async def main(batches: Batches, chat: ChatClient) -> None:
        rows, told = rows_of(chat, 95), []
        state, count = await batches.submit(
            rows, run="run", kept=lambda state, ids: told.append((state, ids))
        )
        assert (count, [part.rows for part in state.parts]) == (95, [40, 40, 15])
        assert [ids for _, ids in told] == [[name for name, _ in rows[i : i + 40]] for i in (0, 40, 80)]
        assert told[-1][0] == state
        changes: list[BatchState] = []
        state = await batches.wait(state, changes.append, QUICK)
        assert changes[-1] == state
        assert {part.status for part in state.parts} == {"completed"}
        assert (sum(part.completed for part in state.parts), sum(part.failed for part in state.parts)) == (
            85,
            10,
        )
        got = await read(batches, state, rows)
        assert list(got) != [name for name, _ in rows]
        assert got.keys() == dict(rows).keys()
        failed = [row for row in got.values() if row.error]
        assert {(row.error, row.again) for row in failed} == {("endpoint-failing", True)}
        assert len(failed) == 10
        one = got["row-1"].completion
        assert one is not None
        assert (one.text, one.request_id, one.prompt_tokens, one.cost) == ("to question 1", "q", 10, None)
        for part in state.parts:
            await batches.discard(part)
            state = state.without(part)
        assert (state.parts, state.read) == ((), 3)
        again = [row for row in rows if row[0] in {one.custom_id for one in failed}]
        state, _ = await batches.submit(again, run="run", state=state)
        got = await read(batches, await batches.wait(state, None, QUICK), again)
        assert not [row for row in got.values() if row.error]

    with BatchServer(upload=["503", "429"], content=["cut"]) as server:
        within(server, main, rows=40)
        assert set(server.asked.values()) == {1, 2}
        assert sum(server.asked.values()) == 105
        assert all(count == 3 for count in server.polls.values())
        assert server.keys == {"Bearer k3y"}
        assert len(server.deleted) == 9


def test_another_process_goes_on_after_days(tmp_path: Path) -> None:
    kept = tmp_path / "state.json"

    async def first(batches: Batches, chat: ChatClient) -> None:
        state, _ = await batches.submit(rows_of(chat, 30), run="run")
        kept.write_text(state.dump())

    async def second(batches: Batches, chat: ChatClient) -> None:
        state = batches.resume(BatchState.load(kept.read_text()))
        state = await batches.wait(state, None, QUICK)
        assert len(await read(batches, state, rows_of(chat, 30))) == 30

    with BatchServer() as server:
        within(server, first)
        within(server, second)
        assert len(server.batches) == 1
    assert "question" not in kept.read_text()


@pytest.mark.parametrize("create", [["lost"], ["500", "502", "lost", "503"]])
def test_a_batch_whose_making_was_not_heard_of_is_not_made_twice(create: list[str]) -> None:
    async def main(batches: Batches, chat: ChatClient) -> None:
        state, _ = await batches.submit(rows_of(chat, 5), run="run")
        got = await read(batches, await batches.wait(state, None, QUICK), rows_of(chat, 5))
        assert len(got) == 5

    with BatchServer(create=create) as server:
        within(server, main)
        assert len(server.batches) == 1


def test_a_crash_before_the_state_was_kept_pays_for_nothing_twice() -> None:
    async def crash(batches: Batches, chat: ChatClient) -> None:
        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await batches.submit(rows_of(chat, 25), run="run", kept=killed)

    async def again(batches: Batches, chat: ChatClient) -> None:
        state, _ = await batches.submit(rows_of(chat, 25), run="run")
        assert [part.rows for part in state.parts] == [10, 10, 5]
        other, _ = await batches.submit(rows_of(chat, 25), run="another")
        assert {part.batch for part in state.parts}.isdisjoint(part.batch for part in other.parts)

    with BatchServer() as server:
        within(server, crash, rows=10)
        assert len(server.batches) == 1
        within(server, again, rows=10)
        assert len(server.batches) == 6


@pytest.mark.parametrize(
    ("end", "errors"),
    [
        ("expired", {("batch-expired", True), ("endpoint-failing", True)}),
        ("failed token_limit_exceeded", {("batch-queue-full", True)}),
        ("failed invalid_json_line", {("batch-failed", False)}),
    ],
)
def test_how_a_batch_ends_is_told_for_each_row(end: str, errors: set[tuple[str, bool]]) -> None:
    async def main(batches: Batches, chat: ChatClient) -> None:
        rows = rows_of(chat, 20)
        state, _ = await batches.submit(rows, run="run")
        state = await batches.wait(state, None, QUICK)
        got = await read(batches, state, rows)
        assert got.keys() == dict(rows).keys()
        assert {(row.error, row.again) for row in got.values() if row.error} == errors
        assert "canary" not in state.dump() + repr(got)

    with BatchServer(end=[end]) as server:
        within(server, main)


def test_a_cancelled_batch_and_one_that_is_gone_give_their_rows_back() -> None:
    async def main(batches: Batches, chat: ChatClient) -> None:
        rows = rows_of(chat, 20)
        state, _ = await batches.submit(rows, run="run")
        server.batches.pop(state.parts[1].batch)
        cancelled = await batches.cancel(state.parts[0])
        assert cancelled.ended
        state = await batches.poll(BatchState((cancelled, *state.parts[1:])))
        assert [part.status for part in state.parts] == ["cancelled", "gone"]
        got = await read(batches, state, rows)
        assert {(row.error, row.again) for row in got.values()} == {
            ("batch-cancelled", True),
            ("batch-row-missing", True),
        }

    with BatchServer() as server:
        within(server, main, rows=10)


def test_what_the_server_does_not_take_is_learned_from_its_rows() -> None:
    async def main(batches: Batches, chat: ChatClient) -> None:
        rows = rows_of(chat, 10)
        state, _ = await batches.submit(rows, run="run")
        state = await batches.wait(state, None, QUICK)
        got = await read(batches, state, rows)
        assert {(row.error, row.again) for row in got.values()} == {("endpoint-refused", True)}
        state = state.without(state.parts[0])
        rows = rows_of(chat, 10)
        assert "temperature" not in rows[0][1]
        state, _ = await batches.submit(rows, run="run", state=state)
        got = await read(batches, await batches.wait(state, None, QUICK), rows)
        assert not [row for row in got.values() if row.error]

    with BatchServer(refuses="temperature") as server:
        within(server, main)


def test_a_lying_file_of_replies_loses_no_row() -> None:
    async def main(batches: Batches, chat: ChatClient) -> None:
        rows = rows_of(chat, 6)
        state, _ = await batches.submit(rows, run="run")
        state = await batches.wait(state, None, QUICK)
        name = state.parts[0].output
        lines = server.files[name].splitlines()
        odd = [
            b"{",
            b"[]",
            b"",
            b'{"custom_id": "stranger", "response": null}',
            lines[0],
            lines[0],
            lines[1][:40],
        ]
        odd += [
            json.dumps(
                {"custom_id": "row-0", "response": {"status_code": 200, "body": {"choices": 3}}}
            ).encode()
        ]
        server.files[name] = b"\n".join(odd)
        got = await read(batches, state, rows)
        assert got.keys() == dict(rows).keys()
        assert {row.error for row in got.values()} == {
            "",
            "endpoint-garbled",
            "batch-row-missing",
            "endpoint-failing",
        }

    with BatchServer() as server:
        within(server, main)


def test_batches_cost_half_and_stay_within_the_budget(tmp_path: Path) -> None:
    one = (10 * 0.15 + 5 * 0.60) / 2 / 1e6
    kept, spent = tmp_path / "state.json", tmp_path / "spent.json"

    async def first(batches: Batches, chat: ChatClient) -> None:
        rows = rows_of(chat, 100)
        state, count = await batches.submit(
            rows, run="run", kept=lambda state, _: kept.write_text(state.dump())
        )
        assert 10 < count < 100
        assert chat.budget is not None
        assert chat.budget.left is not None
        assert chat.budget.left < 1e-4
        assert await batches.submit(rows[count:], run="run", state=state) == (state, 0)

    async def second(batches: Batches, chat: ChatClient) -> None:
        assert chat.budget is not None
        state = batches.resume(BatchState.load(kept.read_text()))
        assert round(chat.budget.reserved * PICO) == sum(part.worst for part in state.parts)
        rows, at = rows_of(chat, 100), 0
        while at < 100:
            count = sum(part.rows for part in state.parts)
            state = await batches.wait(state, None, QUICK)
            got = await read(batches, state, rows[at : at + count])
            answered = [row for row in got.values() if row.completion]
            assert {row.completion.cost for row in answered if row.completion} == {one}
            for part in state.parts:
                state = state.without(part)
            at += count
            assert chat.budget.spent <= 0.001
            state, _ = await batches.submit(rows[at:], run="run", state=state)
        assert chat.budget.reserved == 0

    with BatchServer() as server:
        within(server, first, Budget.kept(spent, 0.001), rows=7)
        budget = Budget.kept(spent, 0.001)
        assert budget.spent == 0
        within(server, second, budget, rows=7)
        assert budget.spent == pytest.approx(90 * one)
        with pytest.raises(BudgetSpent):
            within(server, lambda batches, chat: batches.submit(rows_of(chat, 1), run="x"), Budget(1e-6))


def test_files_stay_within_the_limits_of_size(tmp_path: Path) -> None:
    async def main(batches: Batches, chat: ChatClient) -> None:
        state, count = await batches.submit(iter(rows_of(chat, 50)), run="run")
        assert count == 50
        assert len(state.parts) > 3

    with BatchServer() as server:
        within(server, main, size=2000, folder=tmp_path)
        assert max(map(len, server.files.values())) <= 2000
    assert list(tmp_path.iterdir()) == []


def test_two_rows_of_one_name_are_a_bug(tmp_path: Path) -> None:
    with BatchServer() as server, pytest.raises(ValueError, match="custom_id"):
        within(server, lambda batches, chat: batches.submit(rows_of(chat, 2) * 2, run="run"), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_without_batches_is_told() -> None:
    from tests.ask.server import Server

    with Server() as server, pytest.raises(SetupError, match="has no Batch API"):
        within(server, lambda batches, chat: batches.submit(rows_of(chat, 2), run="run"))  # type: ignore[arg-type]


def test_a_server_that_cannot_list_batches_does_too() -> None:
    async def main(batches: Batches, chat: ChatClient) -> None:
        state, _ = await batches.submit(rows_of(chat, 5), run="run")
        assert len(await read(batches, await batches.wait(state, None, QUICK), rows_of(chat, 5))) == 5

    with BatchServer(lists=False) as server:
        within(server, main)
