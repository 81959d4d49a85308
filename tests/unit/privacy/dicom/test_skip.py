"""Values of undefined length end where their delimiters say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.privacy.dicom.encoding import (
    EXPLICIT_BE,
    EXPLICIT_LE,
    IMPLICIT_LE,
    MAX_DEPTH,
    Damaged,
    Encoding,
    Odd,
)
from medcli.privacy.dicom.skip import skip
from tests.privacy import wire

SYNTAX = {
    IMPLICIT_LE: wire.Syntax(implicit=True),
    EXPLICIT_LE: wire.PLAIN,
    EXPLICIT_BE: wire.Syntax(little=False),
}
encodings = st.sampled_from(list(SYNTAX))
#: What may lie in a value, delimiters and item tags among it.
texts = st.one_of(
    st.binary(max_size=12), st.sampled_from([b"\xfe\xff\xdd\xe0\0\0\0\0", b"\xfe\xff\x0d\xe0" * 3])
)
#: An element: a plain value, or (is its length undefined?, is it called UN?, items).
elements = st.recursive(
    texts,
    lambda inner: st.tuples(st.booleans(), st.booleans(), st.lists(st.lists(inner, max_size=3), max_size=3)),
    max_leaves=12,
)


def written(element: object, syntax: wire.Syntax) -> bytes:
    if isinstance(element, bytes):
        return wire.element(0x00081030, "LO", element, syntax)
    undefined, unknown, items = element
    vr, inner = ("UN", wire.Syntax(implicit=True)) if unknown else ("SQ", syntax)
    contents = [b"".join(written(each, inner) for each in item) for item in items]
    body = wire.sequence(0x00081115, contents, inner, undefined=undefined, vr="SQ")
    value = body[12 if not inner.implicit else 8 :]
    return wire.head(0x00081115, vr, wire.UNDEFINED if undefined else len(value), syntax) + value


@given(encodings, st.lists(st.lists(elements, max_size=3), max_size=3), st.binary(max_size=40))
def test_a_sequence_ends_at_its_own_delimiter(encoding: Encoding, items: list[list[object]], behind: bytes):
    syntax = SYNTAX[encoding]
    whole = written((True, False, items), syntax)
    at = 12 if encoding.explicit else 8
    assert skip(whole + behind, at, len(whole + behind), encoding, vr=b"SQ", depth=0) == len(whole)


@given(encodings, st.lists(st.lists(elements, max_size=2), max_size=2))
def test_a_sequence_cut_short_is_truncated(encoding: Encoding, items: list[list[object]]):
    whole = written((True, False, items), SYNTAX[encoding])
    at = 12 if encoding.explicit else 8
    for cut in range(at, len(whole)):
        with pytest.raises((Damaged, Odd)):
            skip(whole[:cut], at, cut, encoding, vr=b"SQ", depth=0)


@given(st.sampled_from([EXPLICIT_LE, EXPLICIT_BE]), st.lists(st.lists(elements, max_size=2), max_size=2))
def test_un_holds_implicit_little_endian(encoding: Encoding, items: list[list[object]]):
    whole = written((True, True, items), SYNTAX[encoding])
    assert skip(whole + b"tail", 12, len(whole) + 4, encoding, vr=b"UN", depth=0) == len(whole)


@given(st.lists(st.binary(max_size=20), max_size=4), st.binary(max_size=9))
def test_fragments_end_at_their_delimiter(parts: list[bytes], behind: bytes):
    whole = wire.fragments(0x7FE00010, parts)
    data = whole + behind
    for vr in (b"OB", b"OW"):
        assert skip(data, 12, len(data), EXPLICIT_LE, vr=vr, depth=0) == len(whole)


def test_fragments_cut_anywhere_are_truncated():
    whole = wire.fragments(0x7FE00010, [b"abcd", b"efghij"], table=bytes(8))
    for cut in range(12, len(whole)):
        with pytest.raises(Damaged) as error:
            skip(whole[:cut], 12, cut, EXPLICIT_LE, vr=b"OB", depth=0)
        assert error.value.reason == "truncated", cut


@pytest.mark.parametrize(
    "inside", [wire.element(0x00080008, "CS", "A"), wire.head(wire.ITEM, "", wire.UNDEFINED)]
)
def test_fragments_hold_only_items_of_known_length(inside: bytes):
    data = wire.head(0x7FE00010, "OB", wire.UNDEFINED) + inside + bytes(40)
    with pytest.raises(Damaged):
        skip(data, 12, len(data), EXPLICIT_LE, vr=b"OB", depth=0)


def test_fragments_inside_an_item_are_passed_over():
    icon = wire.fragments(0x7FE00010, [b"\xfe\xff\xdd\xe0\0\0\0\0"])
    whole = wire.sequence(0x00880200, [icon], undefined=True)
    assert skip(whole, 12, len(whole), EXPLICIT_LE, vr=b"SQ", depth=0) == len(whole)


def test_a_sequence_holds_only_items():
    data = wire.head(0x00081115, "SQ", wire.UNDEFINED) + wire.element(0x00080008, "CS", "A") + bytes(40)
    with pytest.raises(Odd):
        skip(data, 12, len(data), EXPLICIT_LE, vr=b"SQ", depth=0)


@pytest.mark.parametrize("depth", [0, MAX_DEPTH])
def test_hostile_nesting_ends_without_the_stack(depth: int):
    opening = wire.head(wire.ITEM, "", wire.UNDEFINED) + wire.head(0x00081115, "SQ", wire.UNDEFINED)
    data = opening * 100_000
    with pytest.raises(Damaged) as error:
        skip(data, 0, len(data), EXPLICIT_LE, vr=b"SQ", depth=depth)
    assert error.value.reason == "nested-too-deep"


def test_a_length_beyond_the_end_is_truncated():
    data = wire.head(wire.ITEM, "", 0x7FFFFFFF) + bytes(16)
    with pytest.raises(Damaged) as error:
        skip(data, 0, len(data), EXPLICIT_LE, vr=b"SQ", depth=0)
    assert error.value.reason == "truncated"
