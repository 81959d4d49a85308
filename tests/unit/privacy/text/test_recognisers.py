"""Recognisers of the user's own: what they find, and which are refused."""

from __future__ import annotations

import json
import time

import pytest

from medcli.errors import InputError
from medcli.privacy.text.recognisers import recognisers_of


def found(text: str, yaml: str) -> list[str]:
    (one,) = recognisers_of(yaml)
    (spans,) = one.find([text])
    return [text[span.start : span.end] for span in spans]


def test_patterns_words_groups_and_context() -> None:
    assert found("ZX-1 and ZX-22", "- {name: a, category: ID, patterns: ['ZX-[0-9]+']}") == ["ZX-1", "ZX-22"]
    assert found("bed 7", "- {name: a, category: ID, patterns: 'bed (?P<find>[0-9]+)'}") == ["7"]
    assert found(
        "Ward 12b, ward 12bc", "- {name: a, category: ID, words: [ward 12b], ignore_case: true}"
    ) == ["Ward 12b"]
    near = "- {name: a, category: ID, patterns: ['[0-9]{4}'], context: [bed], window: 6}"
    assert found("bed 1234, then much later 5678", near) == ["1234"]


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*b",
        "(?:a|a){40}b",
        "(\\w+\\s?)*$",
        "(?:aa?)*b",
        "(?:a?b?)*c",
        "(?:(?:ab|a)b?)+c",
        "(?:a*)*",
        "(.*)x\\1",
        "\\w+\\w+x",
        "a*",
        "(?:(?:a{1,200}){1,200}){1,200}",
        "[",
        "x" * 2000,
        ".*.*.*=",
    ],
)
def test_a_pattern_that_could_take_for_ever_or_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(InputError, match="Recogniser 1"):
        recognisers_of(f"- {{name: a, category: ID, patterns: [{json.dumps(pattern)}]}}")


@pytest.mark.parametrize(
    "pattern",
    [
        "[A-Z]+\\d+",
        "\\b\\d{3}-\\d{4}\\b",
        "(?:AB|CD)-\\d+",
        "(?:AB|CD)*-",
        "(?:\\d{1,3},)+x",
        "Bett\\s+\\d+",
        "x(?:\\d\\d){2,4}",
    ],
)
def test_a_harmless_pattern_is_taken_and_quick(pattern: str) -> None:
    (one,) = recognisers_of(f"- {{name: a, category: ID, patterns: [{json.dumps(pattern)}]}}")
    begun = time.process_time()
    one.find(["A" * 5000 + "1" * 5000, "x" + "12" * 5000, "Bett" + " " * 9000])
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "yaml",
    [
        "name: a",
        "- a",
        "- {name: a, category: NOPE, words: [x]}",
        "- {name: a, category: ID}",
        "- {name: a, category: ID, words: [x], colour: red}",
        "- {name: a, category: ID, words: [x], score: 2}",
        "- {name: a, category: ID, words: [x], window: 0}",
        "- {name: '', category: ID, words: [x]}",
        "- {name: a, category: ID, words: [1]}",
        "[",
        "!!python/object/apply:os.system ['true']",
    ],
)
def test_a_file_that_is_none_is_refused(yaml: str) -> None:
    with pytest.raises(InputError):
        recognisers_of(yaml)
