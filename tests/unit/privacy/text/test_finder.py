"""One list of spans out of many: sorted, not overlapping, nothing lost, and all or nothing where a detector fails."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.errors import SafetyRefused
from medcli.privacy.text.finder import Finder
from medcli.privacy.text.merge import union
from medcli.privacy.text.span import Span
from tests.unit.privacy.text.test_rules import HOSTILE

TEXT = "My patient John Smith (MRN 12345, DOB 3/4/1956), member ID ABC123, seen on Tuesday March 3."


class Model:
    """A detector that answers what it was told to."""

    name, version = "model", "0"

    def __init__(self, *answers: object) -> None:
        self.answers = answers

    def find(self, texts: object):
        if isinstance(self.answers[0], Exception):
            raise self.answers[0]
        return self.answers[0] if len(self.answers) == 1 else self.answers


class Knows:
    def __init__(self, *spans: Span) -> None:
        self.spans = spans

    def find(self, text: str):
        return list(self.spans)


SPANS = st.lists(
    st.tuples(
        st.integers(0, 39),
        st.integers(1, 12),
        st.sampled_from(["NAME", "DATE", "ID"]),
        st.sampled_from(["known", "rule:x"]),
    ).map(lambda t: Span(t[0], min(40, t[0] + t[1]), t[2], 1.0, t[3])),
    max_size=12,
)


@given(SPANS)
def test_union_is_sorted_apart_and_covers_every_letter(spans: list[Span]):
    text = "abc def, ghi-jkl 1234 (mno) pqr/stu. vwx"
    merged = union(spans, text)
    assert merged == sorted(merged)
    assert all(one.end <= other.start for one, other in pairwise(merged))
    before = {at for span in spans for at in range(span.start, span.end)}
    after = {at for span in merged for at in range(span.start, span.end)}
    assert after <= before
    assert all(not text[at].isalnum() for at in before - after)


def test_the_longer_one_keeps_its_place_and_the_rest_stays_found():
    merged = union([Span(0, 10, "NAME"), Span(8, 14, "DATE")], "John Smith 1956")
    assert [(span.start, span.end, span.category) for span in merged] == [(0, 10, "NAME"), (10, 14, "DATE")]


def test_of_equally_long_ones_the_known_one_wins():
    merged = union([Span(0, 4, "ID", 1.0, "rule:x"), Span(0, 4, "MRN", 0.5, "known")], "1234")
    assert merged == [Span(0, 4, "MRN", 0.5, "known")]


def test_finds_what_rules_and_known_identity_say():
    spans = Finder().find(TEXT, Knows(Span(11, 21, "NAME", 1.0, "known")))
    assert {"NAME", "MRN", "DATE", "PLAN"} <= {span.category for span in spans}
    assert spans == sorted(spans)


def test_the_finds_of_a_detector_count():
    finder = Finder(detectors=[Model([[Span(3, 10, "NAME", 0.9, "model")]])])
    assert Span(3, 10, "NAME", 0.9, "model") in finder.find("xx Zzyzxqv yy")


def test_clinical_language_vetoes_a_detector_and_never_known_identity():
    text = "T2 signal at L4/5, BP 120/80"
    spans = [
        Span(0, 2, "NAME", 0.9, "model"),
        Span(13, 17, "ID", 0.9, "model"),
        Span(22, 28, "DATE", 0.9, "model"),
    ]
    assert Finder(detectors=[Model([spans])]).find(text) == []
    known = Knows(Span(0, 2, "NAME", 1.0, "known"))
    assert [span.source for span in Finder(detectors=[Model([spans])]).find(text, known)] == ["known"]


@pytest.mark.parametrize(
    "answer",
    [
        RuntimeError("John Smith"),
        [],
        [[Span(0, 99, "NAME")]],
        [[Span(3, 3, "NAME")]],
        [[Span(0, 2, "NONSENSE")]],
        [[None]],
        None,
    ],
)
def test_a_detector_that_fails_lets_nothing_pass_and_quotes_nothing(answer: object):
    with pytest.raises(SafetyRefused) as refused:
        Finder(detectors=[Model(answer)]).find("abc")
    assert "John" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_pickles_small_and_finds_the_same():
    finder = Finder(sensitivity="high")
    assert len(pickle.dumps(finder)) < 1000
    assert pickle.loads(pickle.dumps(finder)).find(TEXT) == finder.find(TEXT)


def test_version_names_what_decides():
    assert Finder().version != Finder(sensitivity="high").version
    assert "model/0" in Finder(detectors=[Model([])]).version


def test_refuses_a_sensitivity_it_does_not_know():
    with pytest.raises(ValueError, match="balanced or high"):
        Finder(sensitivity="low")


@given(st.text(max_size=200))
@settings(deadline=None)
def test_any_text_gives_spans_inside_it(text: str):
    spans = Finder(sensitivity="high").find(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", [*HOSTILE, "John Smith ", "Dr. ", "de la ", "123 Main St ", "University of ", "Boston, ", "J. "]
)
def test_four_times_the_text_takes_about_four_times_as_long(piece: str):
    def cost(length: int) -> float:
        text = (piece * length)[:length]
        begin = time.process_time()
        Finder(sensitivity="high").find(text)
        return time.process_time() - begin

    cost(1000)
    small, large = (min(cost(length), cost(length)) for length in (10_000, 40_000))
    assert large < 0.5 or large < 8 * small


def test_neither_import_nor_search_opens_a_socket():
    code = (
        "import socket, sys\n"
        "def no(*a, **k): raise SystemExit('socket')\n"
        "socket.socket.connect = socket.socket.__init__ = socket.getaddrinfo = socket.create_connection = no\n"
        "from medcli.privacy.text.finder import Finder\n"
        f"assert Finder(sensitivity='high').find({TEXT!r} + ' a@b.example.com https://x.example.org/y')\n"
        "heavy = {'torch', 'transformers', 'phonenumbers', 'rapidfuzz', 'faker', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
