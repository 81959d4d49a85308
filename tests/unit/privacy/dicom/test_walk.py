"""The walk over a data set's elements, with toy tables in place of a policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.privacy.dicom import codes
from medcli.privacy.dicom.encoding import (
    EXPLICIT_BE,
    EXPLICIT_LE,
    IMPLICIT_LE,
    MAX_DEPTH,
    Damaged,
    Encoding,
    Odd,
)
from medcli.privacy.dicom.walk import Walk, walk
from tests.privacy import build, recode, wire

SYNTAX = {
    IMPLICIT_LE: wire.Syntax(implicit=True),
    EXPLICIT_LE: wire.PLAIN,
    EXPLICIT_BE: wire.Syntax(little=False),
}
encodings = st.sampled_from(list(SYNTAX))
plain_tags = st.integers(0x00080001, 0x7FDFFFFF).filter(lambda tag: tag >> 16 != 0x7FE0)


class Toy:
    """A table that says one thing of every tag (by default: note it)."""

    def __init__(self, say: Callable[[int], int] = lambda tag: codes.KEEP_OPTION, limit: int = 0) -> None:
        self.say, self.limit, self.known = say, limit, {}

    def keys(self, encoding: Encoding) -> dict[bytes, int]:
        return self.known.setdefault(encoding, {})

    def learn(self, encoding: Encoding, key: bytes) -> int:
        tag = encoding.tag(key[:4])
        number = tag << codes.TAG_SHIFT | self.limit << codes.CODE_BITS | self.say(tag)
        self.keys(encoding)[key] = number
        return number


NOTE = Toy()


def over(data: bytes, encoding: Encoding = EXPLICIT_LE, table: Toy = NOTE, **how: object) -> Walk:
    return walk(data, 0, len(data), encoding, table, **how)


@given(
    encodings,
    st.dictionaries(
        plain_tags,
        st.tuples(st.sampled_from(["LO", "OB", "UT", "US", "UN"]), st.binary(max_size=30)),
        max_size=8,
    ),
)
def test_every_element_is_noted_where_it_lies(encoding: Encoding, found: dict[int, tuple[str, bytes]]):
    syntax = SYNTAX[encoding]
    parts = [(tag, *found[tag]) for tag in sorted(found)]
    data = b"".join(wire.element(tag, vr, value, syntax) for tag, vr, value in parts)
    result = over(data, encoding)
    assert (result.end, result.stop) == (len(data), len(data))
    assert [element.tag for element in result.elements] == sorted(found)
    for element, (tag, vr, value) in zip(result.elements, parts, strict=True):
        assert data[element.start : element.end] == wire.element(tag, vr, value, syntax)
        assert data[element.value : element.end][: len(value)] == value
        assert element.vr == (vr.encode() if encoding.explicit else b"")
        assert not element.undefined


@pytest.mark.parametrize("variant", [name for name, _ in build.variants() if name != "deflated"])
def test_a_real_file_is_walked_as_by_hand(variant: str):
    file = wire.split(dict(build.variants())[variant])
    syntax = wire.syntax_of(file.transfer_syntax)
    encoding = next(key for key, value in SYNTAX.items() if value == syntax)
    by_hand = [each for each in wire.elements(file.body, syntax) if each.tag <= 0x7FE00010]
    pixels = Toy(lambda tag: codes.PIXELS if tag == 0x7FE00010 else codes.KEEP_OPTION)
    result = over(file.body, encoding, pixels)
    assert [(each.tag, file.body[each.start : each.end]) for each in result.elements] == [
        (each.tag, each.raw) for each in by_hand
    ]


@given(st.sets(plain_tags, max_size=8), st.sets(plain_tags, max_size=4), encodings)
def test_asked_tags_have_their_places(tags: set[int], wanted: set[int], encoding: Encoding):
    starts, data = {}, b""
    for tag in sorted(tags):
        starts[tag] = len(data)
        data += wire.element(tag, "LO", "ab", SYNTAX[encoding])
    keep = Toy(lambda tag: codes.KEEP)
    result = over(data, encoding, keep, wanted=tuple(sorted(wanted)))
    for asked, slot in zip(sorted(wanted), result.slots, strict=True):
        assert slot == min((starts[tag] for tag in tags if tag >= asked), default=len(data))
    assert not result.elements


@pytest.mark.parametrize("encoding", SYNTAX)
@pytest.mark.parametrize("tags", [(0x00080080, 0x00080060), (0x00080060, 0x00080060)])
def test_tags_out_of_order_or_doubled_are_odd(encoding: Encoding, tags: tuple[int, int]):
    data = b"".join(wire.element(tag, "LO", "ab", SYNTAX[encoding]) for tag in tags)
    with pytest.raises(Odd):
        over(data, encoding)


def test_one_tag_doubled_under_two_vrs_is_odd():
    data = wire.element(0x00080060, "CS", "CT") + wire.element(0x00080060, "LO", "CT")
    with pytest.raises(Odd):
        over(data)


def test_a_vr_that_is_none_is_odd():
    with pytest.raises(Odd):
        over(wire.element(0x00080060, "XX", "CT"))


@pytest.mark.parametrize("encoding", SYNTAX)
def test_a_data_set_cut_anywhere_is_whole_only_between_elements(encoding: Encoding):
    syntax = SYNTAX[encoding]
    parts = [
        wire.element(0x00080060, "CS", "CT", syntax),
        wire.sequence(0x00081115, [wire.element(0x00080100, "SH", "A", syntax)], syntax, undefined=True),
        wire.element(0x00100010, "PN", "A^B", syntax),
        wire.element(0x00189345, "FD", bytes(8), syntax),
    ]
    data, ends = b"".join(parts), {0}
    for part in parts:
        ends.add(max(ends) + len(part))
    for cut in range(len(data) + 1):
        if cut in ends:
            assert over(data[:cut], encoding).end == cut
        else:
            with pytest.raises((Damaged, Odd)):
                over(data[:cut], encoding)


@pytest.mark.parametrize("encoding", SYNTAX)
def test_an_item_ends_at_its_delimiter(encoding: Encoding):
    inside = wire.element(0x00080060, "CS", "CT", SYNTAX[encoding])
    data = inside + wire.head(wire.ITEM_END, "", 0, SYNTAX[encoding])
    result = over(data + b"rest of the file", encoding, depth=1)
    assert (result.stop, result.end) == (len(inside), len(data))
    with pytest.raises(Odd):
        over(data, encoding, depth=0)


@pytest.mark.parametrize("encoding", SYNTAX)
def test_zeros_behind_the_data_set_are_no_part_of_it(encoding: Encoding):
    data = wire.element(0x00080060, "CS", "CT", SYNTAX[encoding])
    try:
        result = over(data + bytes(512), encoding)
    except Odd:
        assert encoding.explicit  # pydicom puts it in order
    else:
        assert result.stop == len(data)


@pytest.mark.parametrize("encoding", SYNTAX)
@pytest.mark.parametrize("behind", [b"Mustermann", bytes(7), b"\xfc\xff\xfc\xffOB\0\0\4\0\0\0\0\0\0\0"])
def test_nothing_behind_pixel_data_counts(encoding: Encoding, behind: bytes):
    data = wire.element(0x7FE00010, "OW", bytes(4), SYNTAX[encoding])
    table = Toy(lambda tag: codes.PIXELS)
    result = over(data + behind, encoding, table)
    assert (len(result.elements), result.end) == (1, len(data))


def test_pixel_data_of_an_icon_does_not_end_the_walk():
    data = wire.element(0x7FE00010, "OW", bytes(4)) + wire.element(0x7FE10010, "LO", "X")
    assert len(over(data, table=Toy(lambda tag: codes.PIXELS), depth=1).elements) == 2


def test_numbers_with_letters_are_noted():
    table = Toy(lambda tag: codes.NUMBER)
    for value, noted in ((b"1.5\\-2e+3", False), (b"", False), (b"12 Erika", True), (b"1\n", True)):
        for encoding, syntax in SYNTAX.items():
            result = over(wire.element(0x00180050, "DS", value, syntax), encoding, table)
            assert [each.code for each in result.elements] == [codes.CHOOSE] * noted


@pytest.mark.parametrize("encoding", SYNTAX)
@pytest.mark.parametrize(("size", "noted"), [(0, 0), (4, 0), (6, 1), (200, 1)])
def test_binary_values_longer_than_their_multiplicity_are_noted(encoding: Encoding, size: int, noted: int):
    table = Toy(lambda tag: codes.KEEP, limit=4)
    result = over(wire.element(0x00280010, "US", bytes(size), SYNTAX[encoding]), encoding, table)
    assert [each.code for each in result.elements] == [codes.CHOOSE] * noted


@pytest.mark.parametrize("encoding", SYNTAX)
def test_undefined_lengths_are_noted_with_their_delimiter(encoding: Encoding):
    data = wire.sequence(0x00081115, [b"", b""], SYNTAX[encoding], undefined=True)
    (element,) = over(data, encoding, Toy(lambda tag: codes.SEQUENCE)).elements
    assert element.undefined
    assert (element.start, element.end) == (0, len(data))


def test_an_implicit_element_of_undefined_length_is_noted_whatever_its_code():
    data = wire.sequence(0x00281201, [b""], wire.Syntax(implicit=True), undefined=True)
    assert over(data, IMPLICIT_LE, Toy(lambda tag: codes.KEEP)).elements


def test_too_deep_is_said():
    assert over(b"", depth=MAX_DEPTH).elements == []
    with pytest.raises(Damaged) as error:
        over(b"", depth=MAX_DEPTH + 1)
    assert error.value.reason == "nested-too-deep"


@given(encodings, st.binary(max_size=200))
def test_any_bytes_end_in_a_walk_or_a_reason(encoding: Encoding, data: bytes):
    try:
        result = over(data, encoding)
    except (Damaged, Odd):
        return
    assert 0 <= result.stop <= result.end <= len(data)


HEADS = {
    encoding: wire.split(recode.recode(build.sample("CT_small.dcm"), uid)).body[:3000]
    for encoding, uid in ((IMPLICIT_LE, wire.IMPLICIT), (EXPLICIT_LE, wire.EXPLICIT), (EXPLICIT_BE, wire.BIG))
}


@given(encodings, st.lists(st.tuples(st.integers(0, 2999), st.integers(0, 255)), max_size=3))
def test_flipped_bytes_end_in_a_walk_or_a_reason(encoding: Encoding, flips: list[tuple[int, int]]):
    data = bytearray(HEADS[encoding])
    for at, value in flips:
        data[at] = value
    try:
        over(bytes(data), encoding)
    except (Damaged, Odd):
        return
