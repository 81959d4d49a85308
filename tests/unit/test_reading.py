"""Values of a file of questions, line by line or out of one array, with what is wrong in their places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli import reading
from medcli.errors import InputError
from medcli.reading import values

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def test_lines_carry_their_numbers_and_bad_ones_their_reason(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": \n{"a": "\xff"}\n' + b"[" * 100_000 + b'\n{"a": 2}')
    read = list(values(path))
    assert [(one.number, one.error) for one in read] == [
        (1, ""),
        (3, "bad-json"),
        (4, "bad-json"),
        (5, "bad-json"),
        (6, ""),
    ]
    assert (read[0].value, read[-1].value) == ({"a": 1}, {"a": 2})


@settings(max_examples=60)
@given(st.lists(anything, max_size=8), st.sampled_from([None, 1]), st.integers(1, 12))
def test_an_array_is_read_through_any_window(
    tmp_path_factory: Any, content: list[Any], indent: int | None, block: int
) -> None:
    path = tmp_path_factory.mktemp("array") / "q.json"
    path.write_text(
        "\n " + json.dumps(content, indent=indent, ensure_ascii=False) + "\n",
        encoding="utf-8",
        errors="surrogatepass",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_BLOCK", block)
        assert [one.value for one in values(path)] == content


@pytest.mark.parametrize(
    "text", ['[{"a": 1}', '[{"a": 1} {"a": 2}]', "[", "[{]", '[1, "x', "[1, \xff".encode("latin-1")]
)
def test_a_broken_array_is_the_files_trouble(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "q.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match="beyond line 1"):
        list(values(path))


@pytest.mark.parametrize("text", ["", " \n\t\n", "\ufeff"])
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, text: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="empty"):
        list(values(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        list(values(tmp_path / "q.jsonl"))
