"""The connections for files, held against a server that sends any bytes, cut anywhere."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.data.transfer import Transfer
from medcli.data.transfer.body import Body
from medcli.data.transfer.chunks import Chunks
from medcli.data.transfer.fetch import Fetched, Fetcher, Wanted
from medcli.data.transfer.wire import Odd, parse, request
from medcli.errors import ItemFailed

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
EMPTY = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Script:
    """A server that answers the n-th request with the n-th list of pieces, and counts connections.

    An answer that ends in None is followed by the connection's end.
    """

    def __init__(self, *answers: list[bytes | None]) -> None:
        self.answers = iter(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/file"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while True:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    block = connection.recv(1 << 16)
                    if not block:
                        return
                    asked += block
                self.requests.append(asked)
                for piece in next(self.answers, [None]):
                    if piece is None:
                        return
                    connection.sendall(piece)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def script() -> Iterator[Callable[..., Script]]:
    made: list[Script] = []

    def make(*answers: list[bytes | None]) -> Script:
        made.append(Script(*answers))
        return made[-1]

    yield make
    for one in made:
        one.close()


def save(folder: Path, url: str, *more: str, quick: bool = True) -> list[bytes]:
    """Fetch files one after the other over one set of connections."""

    async def run() -> list[bytes]:
        found = []
        async with Fetcher(Transfer(timeout=1.0, pause=0.001)) as fetcher:
            for number, address in enumerate((url, *more)):
                path = folder / f"{number}.part"

                def settle(got: Fetched, body: Body, path: Path = path) -> bytes:
                    body.settle(path.with_suffix(".done"))
                    content = path.with_suffix(".done").read_bytes()
                    assert len(content) == got.size
                    return content

                with Body(path) as body:
                    found.append(
                        await fetcher.save(
                            address,
                            body,
                            Wanted(),
                            lambda got, body=body, settle=settle: settle(got, body),
                            quick=quick,
                        )
                    )
        return found

    return asyncio.run(run())


@pytest.mark.parametrize("quick", [True, False])
def test_an_answer_may_be_cut_at_any_byte(
    tmp_path: Path, script: Callable[..., Script], *, quick: bool
) -> None:
    cuts = [[OK[:at], OK[at:]] for at in range(1, len(OK))]
    server = script(*cuts, [bytes([byte]) for byte in OK])
    count = len(cuts) + 1
    assert save(tmp_path, *[server.url] * count, quick=quick) == [b"hello"] * count
    assert server.connections == 1
    assert len(server.requests) == count


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
    b"2;x=y\r\nhe\r\n03\r\nllo\r\n0\r\nTrailer: nobody wants it\r\n\r\n"
)


def test_an_answer_in_chunks_may_be_cut_at_any_byte(tmp_path: Path, script: Callable[..., Script]) -> None:
    cuts = [[CHUNKED[:at], CHUNKED[at:]] for at in range(1, len(CHUNKED))]
    server = script(*cuts, [bytes([byte]) for byte in CHUNKED])
    count = len(cuts) + 1
    assert save(tmp_path, *[server.url] * count) == [b"hello"] * count
    assert server.connections == 1
    assert len(server.requests) == count


def test_much_in_chunks_is_left_to_the_general_client(tmp_path: Path, script: Callable[..., Script]) -> None:
    content = bytes(1 << 20)
    answer = CHUNKED.partition(b"\r\n\r\n")[0] + b"\r\n\r\n100000\r\n" + content + b"\r\n0\r\n\r\n"
    server = script([answer], [answer])
    assert save(tmp_path, server.url) == [content]


def test_what_the_server_says_before_its_answer_is_passed_over(
    tmp_path: Path, script: Callable[..., Script]
) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    server = script([early + OK], [early], [OK])
    assert save(tmp_path, server.url) == [b"hello"]


def test_bytes_beyond_the_promised_end_are_nobodys(tmp_path: Path, script: Callable[..., Script]) -> None:
    server = script([OK + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad"], [OK])
    assert save(tmp_path, server.url, server.url) == [b"hello"] * 2
    assert server.connections == 2


def test_a_kept_connection_that_has_gone_is_made_anew_at_once(
    tmp_path: Path, script: Callable[..., Script]
) -> None:
    server = script([OK], [None], [OK])  # the second request meets a closed door and no answer
    assert save(tmp_path, server.url, server.url) == [b"hello"] * 2
    assert server.connections == 2
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
    ],
)
def test_what_has_no_length_is_left_to_the_general_client(
    tmp_path: Path, script: Callable[..., Script], answer: bytes
) -> None:
    server = script(*[[answer, None]] * 3)
    assert save(tmp_path, server.url, server.url) == [b"hello"] * 2
    assert len(server.requests) == 3  # one to find out


def test_a_redirect_is_left_to_the_general_client(tmp_path: Path, script: Callable[..., Script]) -> None:
    away = b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"
    server = script([away], [away], [OK])
    assert save(tmp_path, server.url) == [b"hello"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        b"ICY 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 999 No\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 9000,
        b"\x00" * 100_000,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000,
    ],
)
def test_an_answer_that_is_none_is_asked_for_again(
    tmp_path: Path, script: Callable[..., Script], answer: bytes
) -> None:
    server = script([answer, None], [OK])
    assert save(tmp_path, server.url) == [b"hello"]
    assert len(server.requests) == 2


def test_a_body_that_never_comes_ends_with_a_reason(tmp_path: Path, script: Callable[..., Script]) -> None:
    server = script(*[[b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", None]] * 6)
    with pytest.raises(ItemFailed) as failed:
        save(tmp_path, server.url)
    assert failed.value.kind == "broke-off"
    assert len(server.requests) == 6


def test_a_page_of_an_error_is_read_and_its_connection_goes_on(
    tmp_path: Path, script: Callable[..., Script]
) -> None:
    gone = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"
    long = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngone\r\n0\r\n\r\n"
    server = script([gone], [OK], [long], [OK])
    for number, answer in enumerate(("gone", b"hello", "gone", b"hello")):
        folder = tmp_path / str(number)
        folder.mkdir()
        if answer == "gone":
            with pytest.raises(ItemFailed, match="gone"):
                save(folder, server.url)
        else:
            assert save(folder, server.url) == [answer]


@pytest.mark.parametrize("size", [(1 << 19) - 1, 1 << 19, (1 << 19) + (1 << 14), 3_000_000])
@pytest.mark.parametrize("quick", [True, False])
def test_a_body_of_any_length_comes_whole(
    tmp_path: Path, script: Callable[..., Script], size: int, *, quick: bool
) -> None:
    content = bytes(itertools.islice(itertools.cycle(range(251)), size))
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
    server = script([head, content], [head + content[:1000], None], [head + content])
    assert save(tmp_path, server.url, server.url, quick=quick) == [content, content]


def test_a_rest_is_asked_for_and_put_behind_what_came(tmp_path: Path, script: Callable[..., Script]) -> None:
    first = b'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 10\r\n\r\n01234'
    rest = (
        b'HTTP/1.1 206 Partial\r\nETag: "a"\r\nContent-Length: 5\r\nContent-Range: bytes 5-9/10\r\n\r\n56789'
    )
    server = script([first, None], [rest])
    assert save(tmp_path, server.url) == [b"0123456789"]
    assert b"\r\nRange: bytes=5-\r\n" in server.requests[1]
    assert b'\r\nIf-Range: "a"\r\n' in server.requests[1]


def test_nothing_gets_into_a_head_that_ends_it() -> None:
    for target in ("/a b", "/a\r\nX: y", "/\u00e9", "/a#b"):
        with pytest.raises(Odd):
            request(target, b"", {})
    with pytest.raises(Odd):
        request("/", b"", {"If-Range": "a\r\nX: y"})


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.randoms(use_true_random=False))
def test_chunks_carry_what_was_put_into_them(parts: list[bytes], rng: Random) -> None:
    raw = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    chunks, at = Chunks(), 0
    while at < len(raw):
        count = rng.randrange(1, 9)
        assert chunks.feed(raw[at : at + count]) == (at + count >= len(raw))
        at += count
    assert chunks.content == b"".join(parts)
    assert not chunks.beyond


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_a_head_is_read_or_refused_whatever_it_is(noise: bytes) -> None:
    for head in (noise, b"HTTP/1.1 200 OK\r\n" + noise, b"HTTP/1.1 200 OK\r\nContent-Length:" + noise):
        try:
            status, _, fields = parse(head)
        except ValueError:
            continue
        assert 100 <= status < 600
        assert all("\n" not in value and "\r" not in value for value in fields.values())
