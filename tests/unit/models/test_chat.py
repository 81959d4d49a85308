"""A long run's client: nothing lost, nothing asked twice that was answered, nothing beyond the budget."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from medcli.errors import ItemFailed, SetupError, UsageError
from medcli.models import prices
from medcli.models.endpoint import access, client
from medcli.models.endpoint.chat import ChatClient, Completion
from medcli.models.endpoint.replies import Replies, key_of
from medcli.models.spending import Budget, BudgetSpent
from medcli.pacing import Pace
from medcli.settings import Secret
from tests.ask.server import Server

MOODS = {"busy": "429", "fails": "500", "away": "503", "hangs": "hang", "cuts": "cut", "mumbles": "garbled"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSE", 0.005)
    monkeypatch.setattr(client, "_REST", 0.01)
    for name in [name for name in os.environ if name.startswith(("AZURE_", "OPENAI_"))]:
        monkeypatch.delenv(name)


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def ask(
    url: str | Sequence[str],
    texts: Sequence[str],
    *,
    room: int = 50,
    schema: dict[str, Any] | None = None,
    **more: Any,
) -> tuple[list[Any], ChatClient]:
    """Ask all at once; completions and errors."""

    async def main() -> tuple[list[Any], ChatClient]:
        urls = [url] if isinstance(url, str) else url
        async with ChatClient(urls, more.pop("key", ""), more.pop("model", "gpt-4o-mini"), **more) as chat:
            asked = (
                chat.complete(user(text), max_tokens=room, schema=schema, place=i)
                for i, text in enumerate(texts)
            )
            return await asyncio.gather(*asked, return_exceptions=True), chat

    return asyncio.run(main())


def test_each_is_asked_once_more_than_it_failed_and_nothing_is_lost() -> None:
    words = ["fine", *MOODS]
    texts = [f"{words[i % len(words)]} {i}?" for i in range(140)]
    with Server(moods=MOODS) as server:
        got, chat = ask(server.url, texts, timeout=1.0, rpm=60_000, tpm=10**8)
    assert [one.text for one in got] == [f"0 {text}" for text in texts]
    assert {server.asked[text] for text in texts if not text.startswith("fine")} == {3}
    assert {server.asked[text] for text in texts if text.startswith("fine")} == {1}
    assert {
        (one.prompt_tokens, one.completion_tokens, one.finish_reason, one.cached, one.cost) for one in got
    } == {(7, 3, "stop", False, None)}
    assert all(one.seconds > 0 for one in got)
    assert chat.estimate.replies == 140


@pytest.mark.parametrize("mood", ["429", "503"])
def test_a_busy_server_costs_patience_and_no_attempts(monkeypatch: pytest.MonkeyPatch, mood: str) -> None:
    monkeypatch.setattr(client, "ATTEMPTS", 2)
    seen = []

    async def misbehave(self: Server, request: Any, word: str) -> Any:
        import aiohttp.web

        seen.append(time.monotonic())
        if len(seen) <= 25:
            return aiohttp.web.json_response({}, status=int(word), headers={"Retry-After": "0.02"})
        return None

    monkeypatch.setattr(Server, "_misbehave", misbehave)
    with Server(moods={"busy": f"{mood} always"}) as server:
        got, _ = ask(server.url, ["busy"])
    assert (got[0].text, len(seen)) == ("0 busy", 26)
    assert seen[-1] - seen[0] >= 25 * 0.02


def test_a_request_counts_from_when_it_has_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    import aiohttp

    connect = aiohttp.TCPConnector.connect

    async def slow(self: Any, *told: Any, **more: Any) -> Any:
        await asyncio.sleep(0.3)
        return await connect(self, *told, **more)

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", slow)
    pace = Pace(10, blur=0.1)

    async def main(url: str) -> None:
        async with ChatClient([url], "", "m") as chat:
            chat.pace = pace
            await chat.complete(user("one"), max_tokens=5)

    with Server() as server:
        begun = time.monotonic()
        asyncio.run(main(server.url))
    assert pace.window._entries[0].leaves >= begun + 60.3


def test_while_a_server_asks_for_rest_nobody_knocks(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[float] = []
    answered = Server._answer

    async def noted(self: Server, request: Any, body: Any) -> Any:
        times.append(time.monotonic())
        return await answered(self, request, body)

    async def misbehave(self: Server, request: Any, word: str) -> Any:
        import aiohttp.web

        return aiohttp.web.json_response({}, status=429, headers={"Retry-After": "0.4"})

    monkeypatch.setattr(Server, "_answer", noted)
    monkeypatch.setattr(Server, "_misbehave", misbehave)

    async def main(url: str) -> None:
        async with ChatClient([url], "", "m") as chat:
            first = asyncio.ensure_future(chat.complete(user("busy"), max_tokens=5))
            while not chat._client or chat._client._servers[0].pace._rests_until < 0:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.005)
            await asyncio.gather(*(chat.complete(user(f"{i}"), max_tokens=5) for i in range(20)))
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)

    with Server(moods={"busy": "429"}) as server:
        asyncio.run(main(server.url))
    assert min(times[1:]) - times[0] >= 0.38


def test_a_schema_is_offered_and_dropped_once_it_is_refused() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    with Server() as server:
        ask(server.url, ["one"], schema=schema)
        form = server.bodies[0]["response_format"]
    assert form == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    }
    with Server(refuses=("response_format", "max_tokens")) as server:
        got, chat = ask(server.url, ["one"], schema=schema)
        assert server.statuses == {400: 2, 200: 1}
        assert "max_completion_tokens" in server.bodies[0]
    assert got[0].text == "0 one"
    assert chat.notes() == ("The server does not take a schema for answers.",)


def test_what_was_paid_for_once_is_not_asked_again(tmp_path: Path) -> None:
    cache = tmp_path / "replies.sqlite"
    with Server() as server:
        first, _ = ask(server.url, ["Canary one", "two"], cache=cache, prices=prices.load())
        second, chat = ask(server.url, ["Canary one", "two", "three"], cache=cache, prices=prices.load())
        third, _ = ask(server.url, ["two"], cache=cache, room=51)
    assert [one.text for one in second] == ["0 Canary one", "0 two", "0 three"]
    assert [(one.cached, one.cost) for one in second[:2]] == [(True, 0.0)] * 2
    assert (second[0].prompt_tokens, second[2].cached, third[0].cached) == (7, False, False)
    assert first[0].cost == pytest.approx(7 * 0.15e-6 + 3 * 0.6e-6)
    assert server.asked == {"Canary one": 1, "two": 2, "three": 1}
    assert chat.cache is not None
    assert (chat.cache.hits, chat.cache.misses) == (2, 1)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    with sqlite3.connect(cache) as base:
        keys = [row[0] for row in base.execute("SELECT key FROM replies")]
    base.close()
    assert {len(key) for key in keys} == {32}


def test_what_was_learned_of_a_server_does_not_change_what_the_cache_knows(tmp_path: Path) -> None:
    with Server(refuses=("max_tokens", "temperature")) as server:
        ask(server.url, ["one"], cache=tmp_path / "c")
    with Server() as server:
        got, _ = ask(server.url, ["one"], cache=tmp_path / "c")
    assert got[0].cached


def test_a_cache_may_be_shared_and_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c"
    with Replies(path) as one, Replies(path) as other:
        one.put(key_of(b"a"), "r", b"A")
        one.flush()
        other.put(key_of(b"b"), "s", b"B")
        other.flush()
        assert (one.get(key_of(b"b")), other.get(key_of(b"a"))) == (("s", b"B"), ("r", b"A"))
        one._base.execute("DROP TABLE replies")
        assert other.get(key_of(b"b")) is None
        assert other.failed
        other.put(key_of(b"d"), "", b"")
    (tmp_path / "text").write_text(
        "no cache, but long enough to be looked at by SQLite as if it were one" * 20
    )
    with pytest.raises(SetupError, match="cache of replies"):
        Replies(tmp_path / "text")
    with pytest.raises(SetupError, match="cache of replies"):
        Replies(tmp_path / "none" / "c")


def test_a_reply_in_the_cache_that_is_none_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "c"
    with Server() as server:
        ask(server.url, ["one"], cache=path)
        with sqlite3.connect(path) as base:
            base.execute("UPDATE replies SET reply = '{'")
        base.close()
        got, _ = ask(server.url, ["one"], cache=path)
        assert (got[0].text, got[0].cached, server.asked["one"]) == ("0 one", False, 2)
        assert ask(server.url, ["one"], cache=path)[0][0].cached


def test_no_more_is_spent_than_the_budget_and_what_is_left_is_asked_later(tmp_path: Path) -> None:
    table, texts = prices.load(), [f"question {i}?" for i in range(200)]
    one = (7 * 0.15 + 3 * 0.60) / 1e6
    with Server() as server:
        server.delay = 0.002
        kept = tmp_path / "spent.json"
        budget = Budget.kept(kept, 0.0005)
        got, _ = ask(server.url, texts, budget=budget, prices=table, cache=tmp_path / "c")
        done = [text for text, one_ in zip(texts, got, strict=True) if isinstance(one_, Completion)]
        assert {type(one_) for one_ in got} == {Completion, BudgetSpent}
        assert len(server.order) == len(done)
        assert budget.spent == pytest.approx(len(done) * one)
        assert budget.spent <= 0.0005
        again = Budget.kept(kept, 0.0005)
        assert again.spent == budget.spent
        got, _ = ask(server.url, texts, budget=again, prices=table, cache=tmp_path / "c")
        assert again.spent <= 0.0005
        larger = Budget.kept(kept, 0.01)
        got, _ = ask(server.url, texts, budget=larger, prices=table, cache=tmp_path / "c")
        assert [one_.text for one_ in got] == [f"0 {text}" for text in texts]
        assert max(server.asked.values()) == 1
        assert larger.spent == pytest.approx(200 * one)


def test_an_answer_that_was_lost_counts_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(moods=MOODS) as server:
        budget = Budget(1.0)
        ask(server.url, ["cuts"], budget=budget, prices=prices.load())
        assert budget.lost > 0
        assert budget.spent == pytest.approx(budget.lost / 1e12 + (7 * 0.15 + 3 * 0.60) / 1e6)
        sure = Budget(1.0)
        ask(server.url, ["busy", "fails"], budget=sure, prices=prices.load())
        assert (sure.lost, sure.reserved) == (0, 0.0)


def test_a_budget_without_a_price_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(UsageError, match="needs a price"):
        ChatClient(["http://127.0.0.1:1/v1"], "", "our-own", budget=Budget(1.0), prices=prices.load())
    ChatClient(["http://127.0.0.1:1/v1"], "", "our-own", budget=Budget())


def answering(monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], Any]) -> None:
    """Have the server say something else."""
    import aiohttp.web

    told = aiohttp.web.json_response

    def other(data: Any, **more: Any) -> Any:
        text = change(data) if isinstance(data, dict) and "choices" in data else json.dumps(data)
        return told(text=text if isinstance(text, str) else json.dumps(text), **more)

    monkeypatch.setattr("tests.ask.server.web.json_response", other)


def changed(message: dict[str, Any], **more: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda data: {**data, "choices": [{"message": message, "finish_reason": "stop", **more}]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (changed({"content": None, "refusal": "I won't."}), ("", "I won't.", "stop")),
        (
            changed({"content": "", "refusal": None}, finish_reason="content_filter"),
            ("", "", "content_filter"),
        ),
        (changed({"content": "<think>a</think> b"}), ("b", "", "stop")),
        (
            changed({"content": "cut <think>", "reasoning_content": "x"}, finish_reason="length"),
            ("cut <think>", "", "length"),
        ),
        (
            changed({"content": [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]}),
            ("in parts", "", "stop"),
        ),
        (lambda data: json.dumps(data).replace("0 one", "a\x01\tb\nc"), ("a\x01\tb\nc", "", "stop")),
    ],
)
def test_answers_of_all_kinds_are_read(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], Any], expected: tuple[str, str, str]
) -> None:
    answering(monkeypatch, change)
    with Server() as server:
        (got,), _ = ask(server.url, ["one"])
    assert (got.text, got.refusal, got.finish_reason) == expected


@pytest.mark.parametrize(
    "usage", [None, 3, {}, {"prompt_tokens": "7"}, {"prompt_tokens": True, "completion_tokens": -1}]
)
def test_a_reply_that_does_not_count_is_counted_in_full(monkeypatch: pytest.MonkeyPatch, usage: Any) -> None:
    answering(monkeypatch, lambda data: {**data, "usage": usage})
    budget = Budget(1.0)
    with Server() as server:
        (got,), chat = ask(server.url, ["one"], budget=budget, prices=prices.load())
    assert (got.prompt_tokens, got.completion_tokens) == (0, 0)
    assert got.cost == budget.spent > 3e-5
    assert chat.estimate.replies == 0


def test_an_empty_list_of_choices_is_asked_again_and_a_wrong_one_is_the_rows_own() -> None:
    asked = []

    def twice_empty(data: dict[str, Any]) -> Any:
        asked.append(1)
        return {**data, "choices": []} if len(asked) < 3 else data

    with pytest.MonkeyPatch.context() as patch:
        answering(patch, twice_empty)
        with Server() as server:
            assert ask(server.url, ["one"])[0][0].text == "0 one"
    with pytest.MonkeyPatch.context() as patch:
        answering(patch, lambda data: {**data, "choices": [{"message": 5}]})
        with Server() as server:
            (error,), _ = ask(server.url, ["one"])
    assert isinstance(error, ItemFailed)
    assert error.kind == "endpoint-garbled"


def test_a_drip_of_bytes_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_WHOLE", 2.0)
    monkeypatch.setattr(client, "ATTEMPTS", 2)
    begun = time.monotonic()
    with Server(moods={"drip": "drip always"}) as server:
        (error,), _ = ask(server.url, ["drip"], timeout=0.3)
    assert isinstance(error, ItemFailed)
    assert error.kind == "endpoint-timeout"
    assert time.monotonic() - begun < 5


def test_an_account_without_credit_ends_it() -> None:
    with Server(moods={"poor": "429-unpaid always"}) as server:
        (error,), _ = ask(server.url, ["poor"])
    assert isinstance(error, SetupError)
    assert "no credit" in error.message
    assert server.asked["poor"] == 1


def test_several_addresses_share_the_load_and_one_that_is_away_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "_REST", 30.0)
    with Server() as one, Server() as two:
        one.delay = two.delay = 0.005
        got, _ = ask([one.url, "http://127.0.0.1:9/v1", two.url], [f"{i}?" for i in range(120)])
        assert [answer.text for answer in got] == [f"0 {i}?" for i in range(120)]
        assert min(len(one.order), len(two.order)) > 30


def test_a_request_larger_than_a_megabyte_goes_whole() -> None:
    with Server() as server:
        (got,), _ = ask(server.url, ["x" * (3 << 20)])
        assert len(server.bodies[0]["messages"][0]["content"]) == 3 << 20
    assert len(got.text) == (3 << 20) + 2


def test_a_key_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    with Server(key="sk-canary") as server:
        got, chat = ask(server.url, ["one"], key=None)
        assert got[0].text == "0 one"
        (error,), other = ask(server.url, ["one"], key=Secret("sk-wrong"))
    assert isinstance(error, SetupError)
    shown = repr([chat, chat.access, other.access, chat.__dict__, error, got, error.hint])
    assert "sk-" not in shown


def test_azures_addresses_and_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://ours.openai.azure.com/")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-key")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    new = access.from_environment((), "gpt 4")
    assert new.chat(new.bases[0]) == "https://ours.openai.azure.com/openai/v1/chat/completions"
    assert new.headers() == {"api-key": "azure-key"}
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    old = access.from_environment((), "gpt 4")
    assert old.chat(old.bases[0]).endswith(
        "/openai/deployments/gpt%204/chat/completions?api-version=2024-10-21"
    )
    assert (
        old.at(old.bases[0], "files") == "https://ours.openai.azure.com/openai/files?api-version=2024-10-21"
    )
    monkeypatch.delenv("AZURE_OPENAI_API_KEY")
    with pytest.raises(SetupError, match="Azure needs a key"):
        access.from_environment((), "m")
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "entra")
    assert access.from_environment((), "m").headers() == {"Authorization": "Bearer entra"}
    assert "entra" not in repr(access.from_environment((), "m"))
    with pytest.raises(UsageError, match="cannot stand beside others"):
        access.from_environment(["https://ours.openai.azure.com", "http://127.0.0.1:1/v1"], "m")
    plain = access.from_environment(["http://127.0.0.1:1/v1/"], "m")
    assert (plain.bases, plain.headers()) == (
        ("http://127.0.0.1:1/v1",),
        {"Authorization": "Bearer sk-other"},
    )


def test_tokens_of_entra_id_come_from_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import ModuleType, SimpleNamespace

    asked: list[str] = []

    class Credential:
        def get_token(self, scope: str) -> Any:
            asked.append(scope)
            return SimpleNamespace(token=f"token-{len(asked)}")

    module = ModuleType("azure.identity")
    module.DefaultAzureCredential = Credential  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "azure", ModuleType("azure"))
    monkeypatch.setitem(sys.modules, "azure.identity", module)
    with Server() as server:
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.url.removesuffix("/v1"))
        got, _ = ask(server.url, ["one", "two"], key=None)
        assert [one.text for one in got] == ["0 one", "0 two"]
        headers = b"".join(server.received)
    assert b"Bearer token-1" in headers
    assert b"Bearer token-2" in headers
    assert set(asked) == {"https://cognitiveservices.azure.com/.default"}


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "http://", ""])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(UsageError, match="begins with http"):
        ChatClient([url], "", "m")


def test_limits_that_a_server_tells_hold_for_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import aiohttp.web

    told = aiohttp.web.json_response
    limit = {"x-ratelimit-limit-requests": "1200", "x-ratelimit-remaining-requests": "1199"}
    monkeypatch.setattr(
        "tests.ask.server.web.json_response",
        lambda data, **more: told(data, **{**more, "headers": {**limit, **more.get("headers", {})}}),
    )
    with Server() as server:
        begun = time.monotonic()
        _, chat = ask(server.url, [f"{i}" for i in range(3)])
        assert chat.pace.limits == (None, None)

        async def more() -> Any:
            async with ChatClient([server.url], "", "m") as one:
                for i in range(40):
                    await one.complete(user(str(i)), max_tokens=5)
                return one._connected()._servers[0].pace.limits

        begun = time.monotonic()
        assert asyncio.run(more()) == (1200, None)
    assert time.monotonic() - begun > 0.9  # 20 a second, of which the first 20 may go at once
