"""Every request gets its reply from a server that is busy, hangs, breaks off, fails, or refuses parameters."""

from __future__ import annotations

import base64
import io
import socket
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("PIL")

from medcli.errors import ItemFailed, MedcliError, SetupError
from medcli.models import ModelSpec, Picture, Request, Sampling, load
from medcli.models.endpoint import client, is_remote
from medcli.models.endpoint.messages import piece_of
from tests.ask.server import Server


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSE", 0.005)
    monkeypatch.setattr(client, "_REST", 0.01)


def asked(text: str, *pictures: Path) -> Request:
    return Request(text, (("user", text),), tuple(Picture(path) for path in pictures))


def backend(*urls: str, **more: Any) -> Any:
    return load(ModelSpec("org/model", "openai", base_urls=urls, **more))


MOODS = {"busy": "429", "fails": "500", "away": "503", "hangs": "hang", "cuts": "cut", "mumbles": "garbled"}


def test_no_request_is_lost_to_a_misbehaving_server(tmp_path: Path) -> None:
    words = ["fine", *MOODS]
    with Server(moods=MOODS) as server:
        requests = [asked(f"{words[i % len(words)]} {i}?") for i in range(70)]
        replies = list(backend(server.url, timeout=0.3).generate(requests, Sampling()))
    assert [(one.key, one.text) for one in replies] == [(one.key, f"0 {one.key}") for one in requests]
    assert {server.asked[one.key] for one in requests if not one.key.startswith("fine")} == {3}
    assert {server.asked[one.key] for one in requests if one.key.startswith("fine")} == {1}
    assert (replies[0].prompt_tokens, replies[0].answer_tokens, replies[0].finish_reason) == (7, 3, "stop")


def test_pictures_stand_before_the_question_and_only_pixels_leave(tmp_path: Path) -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("PatientName", "Canary^Jane")
    Image.new("RGB", (4, 4), (1, 2, 3)).save(tmp_path / "a.png", pnginfo=info)
    with Server() as server:
        (reply,) = backend(server.url).generate([asked("What?\n<image>", tmp_path / "a.png")], Sampling())
        body = server.bodies[0]
    assert (reply.text, reply.prompt) == ("1 What?", "What?")
    sent = base64.b64decode(body["messages"][0]["content"][0]["image_url"]["url"].partition(",")[2])
    assert b"Canary" not in sent
    assert Image.open(io.BytesIO(sent)).getpixel((0, 0)) == (1, 2, 3)
    assert {key: body[key] for key in body.keys() - {"messages"}} == {
        "model": "org/model", "temperature": 0.0, "max_tokens": 1024,
    }  # fmt: skip


def test_refused_parameters_are_learned_from_the_first_refusal() -> None:
    sampling = Sampling(temperature=0.5, top_p=0.9, max_new_tokens=9)
    with Server(refuses=("max_tokens", "temperature", "top_p")) as server:
        model = backend(server.url)
        replies = list(model.generate([asked("first?")], sampling))
        assert server.statuses == {400: 3, 200: 1}
        replies += model.generate([asked(f"{i}?") for i in range(20)], sampling)
        assert server.statuses == {400: 3, 200: 21}
    assert not any(one.error for one in replies)
    assert server.bodies[0].keys() == {"model", "messages", "max_completion_tokens", "seed"}
    assert len({body["seed"] for body in server.bodies}) == 21
    assert model.engine().notes == ("The server does not take: temperature, top_p.",)


def test_many_requests_that_are_refused_at_once_are_all_answered() -> None:
    with Server(refuses=("max_tokens", "temperature")) as server:
        replies = list(backend(server.url).generate([asked(f"{i}?") for i in range(64)], Sampling()))
        assert server.statuses[400] <= 64
        assert server.most_at_once <= 16
    assert [one.text for one in replies] == [f"0 {i}?" for i in range(64)]


def test_a_rows_own_trouble_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ATTEMPTS", 3)
    (tmp_path / "b.png").write_text("no picture")
    moods = {"huge": "long always", "odd": "418 always", "poison": "500 always"}
    with Server(moods=moods) as server:
        questions = [
            asked("huge?"),
            asked("odd?"),
            asked("poison?"),
            asked("think long?"),
            asked("x", tmp_path / "b.png"),
        ]
        replies = list(backend(server.url).generate(questions, Sampling()))
    assert [one.error for one in replies] == [
        "prompt-too-long", "endpoint-refused", "endpoint-failing", "", "image-unreadable",
    ]  # fmt: skip
    assert (replies[3].text, replies[3].reasoning, replies[3].finish_reason) == (
        "0 think long?",
        "well",
        "length",
    )
    assert server.asked["poison?"] == 3


@pytest.mark.parametrize(
    ("mood", "words"), [("401", "refuses the key"), ("404", "no such model"), ("302", "no such model")]
)
def test_what_befalls_everybody_ends_it(mood: str, words: str) -> None:
    with Server(moods={"?": f"{mood} always"}) as server, pytest.raises(SetupError, match=words):
        list(backend(server.url).generate([asked(f"{i}?") for i in range(40)], Sampling()))
    assert sum(server.asked.values()) <= 32


def test_ten_requests_without_an_answer_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ATTEMPTS", 2)
    with Server(moods={"?": "500 always"}) as server, pytest.raises(SetupError, match="10 requests in a row"):
        list(backend(server.url).generate([asked(f"{i}?") for i in range(40)], Sampling()))


def _closed_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}/v1"


def test_no_server_is_told_and_one_that_is_away_is_gone_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_REST", 30.0)
    with Server() as server:
        replies = list(
            backend(_closed_port(), server.url).generate([asked(f"{i}?") for i in range(40)], Sampling())
        )
        assert [one.text for one in replies] == [f"0 {i}?" for i in range(40)]
    with pytest.raises(SetupError, match="No server answers"):
        list(backend(_closed_port()).generate([asked("a?")], Sampling()))


def test_several_servers_share_the_work() -> None:
    with Server() as one, Server() as two:
        one.delay = two.delay = 0.01
        list(backend(one.url, two.url).generate([asked(f"{i}?") for i in range(100)], Sampling()))
        assert min(len(one.order), len(two.order)) > 20


def test_the_key_goes_along_and_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(key="k3y") as server:
        with pytest.raises(SetupError):
            list(backend(server.url).generate([asked("a?")], Sampling()))
        monkeypatch.setenv("MEDCLI_API_KEY", "k3y")
        assert next(iter(backend(server.url).generate([asked("a?")], Sampling()))).text == "0 a?"


def test_an_answer_streams_and_a_cut_one_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(moods={"busy": "429", "fails": "500"}) as server:
        model = backend(server.url)
        pieces = list(model.stream(asked("busy fails, and a long question?"), Sampling()))
        assert len(pieces) > 3
        assert "".join(pieces) == "0 busy fails, and a long question?"
        with pytest.raises(MedcliError, match="no whole answer"):
            list(model.stream(asked("please cut this answer"), Sampling()))


@pytest.mark.parametrize(
    ("url", "remote"),
    [
        ("http://localhost:8000/v1", False),
        ("http://127.0.0.9/v1", False),
        ("http://[::1]:80/v1", False),
        ("https://api.example.com/v1", True),
        ("http://localhost.example.com/v1", True),
        ("http://model.localhost/v1", True),
        ("http://0.0.0.0/v1", True),
        ("http://evil.example#@127.0.0.1/v1", True),
        ("http://10.0.0.1/v1", True),
        ("http://127.0.0.1@evil.example/v1", True),
    ],
)
def test_which_servers_are_remote(url: str, remote: bool) -> None:
    assert is_remote(url) is remote


def test_an_answer_without_end_or_depth_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_LONGEST", 1 << 20)
    with Server(moods={"deep": "deep", "endless": "endless"}) as server:
        replies = list(backend(server.url).generate([asked("deep"), asked("endless")], Sampling()))
    assert [one.text for one in replies] == ["0 deep", "0 endless"]
    assert (server.asked["deep"], server.asked["endless"]) == (3, 3)


def test_a_server_that_says_retry_at_once_is_not_hammered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSE", 0.05)
    monkeypatch.setattr(client, "PATIENCE", 0.5)
    with Server(moods={"busy": "429-at-once always"}) as server:
        (reply,) = backend(server.url).generate([asked("busy")], Sampling())
    assert reply.error == "endpoint-busy"
    assert server.asked["busy"] < 100


def test_a_server_that_refuses_everything_stops_the_run() -> None:
    with (
        Server(moods={"never": "400 always"}) as server,
        pytest.raises(SetupError, match="refused the first 32 questions, and answered none"),
    ):
        list(backend(server.url).generate([asked(f"never {i}") for i in range(200)], Sampling()))
    with Server(moods={"never": "400 always"}) as server:
        requests = [asked(text) for text in ("well", *(f"never {i}" for i in range(60)))]
        replies = list(backend(server.url).generate(requests, Sampling()))
    assert (replies[0].text, {one.error for one in replies[1:]}) == ("0 well", {"endpoint-refused"})


@pytest.mark.parametrize("key", ["sk-1\nEvil: 2", "sk-\u00e9"])
def test_a_key_that_cannot_be_sent_is_nobodys_bug(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("MEDCLI_API_KEY", key)
    with pytest.raises(SetupError, match="MEDCLI_API_KEY holds what no key does"):
        backend("http://127.0.0.1:1/v1")


def test_a_stream_may_come_at_once_or_think_aloud() -> None:
    with Server() as server:
        assert "".join(backend(server.url).stream(asked("at once?"), Sampling())) == "0 at once?"
        assert "".join(backend(server.url).stream(asked("think at once?"), Sampling())) == "0 think at once?"


@pytest.mark.parametrize(
    "event",
    [
        {"choices": {"0": 1}},
        {"choices": "abc"},
        {"choices": [5]},
        {"choices": [{"delta": {"content": {"a": 1}}}]},
    ],
)
def test_an_event_that_is_none_is_garbled(event: object) -> None:
    with pytest.raises(ItemFailed, match="endpoint-garbled"):
        piece_of(event)
