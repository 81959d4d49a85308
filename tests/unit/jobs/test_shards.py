"""Dealing out and joining: each item once, whatever the count, and files whole."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli import files, jobs
from medcli.errors import UsageError
from medcli.jobs import Item, Row, joining, shards
from medcli.storage import Url


@given(st.integers(0, 300), st.integers(1, 7), st.integers(1, 70))
def test_each_item_falls_to_one_shard_in_order(count: int, of: int, chunk: int) -> None:
    parts = [list(shards.deal(range(count), (number, of), chunk)) for number in range(of)]
    assert sorted(itertools.chain.from_iterable(parts)) == list(range(count))
    assert all(part == sorted(part) for part in parts)
    assert {one // chunk % of for one in parts[0]} <= {0}


@given(st.lists(st.text(), unique=True, max_size=50), st.integers(1, 5))
def test_each_name_falls_to_one_shard(names: list[str], of: int) -> None:
    assert all(sum(shards.falls_to(name, (number, of)) for number in range(of)) == 1 for name in names)


@given(st.integers(0, 99), st.integers(1, 99))
def test_a_shard_reads_as_it_is_shown(number: int, of: int) -> None:
    if number < of:
        assert shards.shard_of(shards.shown((number, of))) == (number, of)
    else:
        with pytest.raises(ValueError, match="from 0"):
            shards.shard_of(f"{number}/{of}")


@dataclass(frozen=True)
class Spec:
    path: Path
    place: Path | Url
    names: tuple[str, ...]
    shard: tuple[int, int] | None = (0, 2)
    runner: str = "local"


def test_what_a_part_was_asked_comes_back(tmp_path: Path) -> None:
    spec = Spec(tmp_path / "Müller\udce4", Url("s3://b/x"), ("a", "b"), runner="ray")
    shards.note(tmp_path, "toy", (0, 2), spec, "plan", finished=False, more=[1])
    found = joining.find(tmp_path)
    assert found is not None
    assert (found.job, found.shard, found.plan, found.finished, found.facts) == (
        "toy",
        (0, 2),
        "plan",
        False,
        {"more": [1]},
    )
    again = shards.spec_of(Spec, found.spec, shard=None)
    assert again == Spec(spec.path, spec.place, spec.names, None)
    assert isinstance(again.place, Url)
    assert (tmp_path / shards.FILE).stat().st_mode & 0o077 == 0


class Letters:
    """A generic job whose product is lines: what a command that deals by place does."""

    name = "letters"

    def __init__(self, folder: Path, shard: tuple[int, int] = shards.WHOLE, count: int = 500) -> None:
        self.folder, self.shard, self.count, self.product = folder, shard, count, ""
        self.asked = 0

    def fingerprint(self) -> dict[str, object]:
        return {"count": self.count}

    def items(self) -> Iterator[Item]:
        for number in shards.deal(range(self.count), self.shard):
            yield Item(f"key {number:04}", number)

    def worker(self) -> Letters:
        return self

    def __enter__(self) -> Letters:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __call__(self, number: int) -> list[Row]:
        self.asked += 1
        return [Row("", "failed" if number == 7 else "done", value=f"{number}\n".encode())]

    def flush(self, rows: object) -> None: ...

    def finish(self, run: jobs.Run) -> None:
        self.product = "".join(row.value.decode() for _, row in run.rows())


def test_a_product_of_lines_is_joined_by_bringing_ledgers_together(tmp_path: Path) -> None:
    whole = Letters(tmp_path)
    jobs.run(whole, state=tmp_path / "whole", runner=jobs.SerialRunner())
    for number in range(3):
        part = Letters(tmp_path, (number, 3))
        folder = tmp_path / str(number)
        jobs.run(part, state=folder, runner=jobs.SerialRunner())
        shards.note(folder, part.name, part.shard, Spec(folder, folder, ()), "p", finished=True)
    found = [part for number in (2, 0, 1) if (part := joining.find(tmp_path / str(number)))]
    ready = joining.check(found, whole.fingerprint())
    assert [part.shard[0] for part in ready] == [0, 1, 2]
    (tmp_path / "all").mkdir()
    seen: list[int] = []
    came = joining.bring(tmp_path / "all", ready, lambda _, rows: seen.append(sum(1 for _ in rows)))
    assert (came, sum(seen)) == (500, 500)
    joined = Letters(tmp_path)
    jobs.run(joined, state=tmp_path / "all", runner=jobs.SerialRunner())
    assert (joined.asked, joined.product) == (0, whole.product)
    # once more only what failed comes again
    assert joining.bring(tmp_path / "all", ready, lambda _, rows: seen.append(sum(1 for _ in rows))) == 1
    with pytest.raises(UsageError, match="differ in: count"):
        joining.check(found, {"count": 501})


def test_a_file_is_shared_or_copied_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "a", tmp_path / "deep" / "b"
    source.write_bytes(b"x" * 100)
    files.share(source, target)
    assert target.samefile(source)
    files.share(source, target)  # again
    other = tmp_path / "c"
    other.write_bytes(b"other")
    files.share(source, other)
    assert other.read_bytes() == source.read_bytes()
    with pytest.raises(FileNotFoundError):
        files.share(tmp_path / "nowhere", tmp_path / "d")

    def no_link(*_: object) -> None:
        raise OSError(errno.EXDEV, "")

    monkeypatch.setattr(os, "link", no_link)
    files.share(source, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()
    assert not (tmp_path / "copy").samefile(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c", "copy", "deep"]
