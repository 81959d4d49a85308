"""Opening sources, writing results, putting odd files in order, inflating."""

from __future__ import annotations

import errno
import hashlib
import itertools
import mmap
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.privacy.dicom import normalise, read, write
from medcli.privacy.dicom.encoding import EXPLICIT_LE, IMPLICIT_LE, Damaged, Frame, read_frame
from medcli.privacy.dicom.normalise import inflated, put_in_order
from medcli.privacy.dicom.pixels import Masked
from medcli.privacy.dicom.read import Unreadable, opened, pieces
from medcli.privacy.dicom.segments import dummy_items, length_of, shorten
from tests.privacy import build, wire
from tests.unit.privacy.dicom import samples
from tests.unit.privacy.dicom.samples import Scrub, ct, encode

PLAIN = Frame(0, {}, wire.EXPLICIT, EXPLICIT_LE)
DEFLATED = Frame(0, {}, wire.DEFLATED, EXPLICIT_LE)


@given(st.binary(max_size=300), st.integers(0, 50), st.integers(1, 40), st.integers(0, 20))
def test_pieces_give_every_byte_and_overlap(data: bytes, start: int, size: int, overlap: int):
    start = min(start, len(data))
    found = list(pieces(data, start, len(data), size, overlap))
    assert b"".join(piece[:size] for piece in found) == data[start:]
    for piece, after in itertools.pairwise(found):
        assert piece[size:] == after[:overlap]


def test_a_small_source_is_read_and_a_large_one_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "source"
    path.write_bytes(b"0123456789")
    with opened(path) as data:
        assert data == b"0123456789"
    with opened(str(path)) as data:
        assert isinstance(data, bytes)
    monkeypatch.setattr(read, "WHOLE", 9)
    with opened(path) as data:
        assert isinstance(data, mmap.mmap)
        assert data[:] == b"0123456789"
        read.give_back(data)
        assert data[3:5] == b"34"
    with opened(b"bytes") as data:
        assert data == b"bytes"


def test_what_can_not_be_opened_is_unreadable_and_unnamed(tmp_path: Path):
    for path in (tmp_path / "Mustermann^Erika.dcm", tmp_path):
        with pytest.raises(Unreadable) as error, opened(path):
            pass
        assert not str(error.value)
        assert error.value.__suppress_context__


def test_an_empty_source_is_empty(tmp_path: Path):
    (tmp_path / "empty").touch()
    with pytest.raises(Damaged) as error, opened(tmp_path / "empty"):
        pass
    assert error.value.reason == "empty"


SOURCE = bytes(range(256)) * 4
segments = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.tuples(st.integers(0, 1024), st.integers(0, 1024)).map(lambda pair: tuple(sorted(pair))),
    ),
    max_size=6,
)


def expected(parts: list[bytes | tuple[int, int]]) -> bytes:
    return b"".join(part if isinstance(part, bytes) else SOURCE[part[0] : part[1]] for part in parts)


@given(segments, st.sampled_from([0, 10, 1 << 20]))
def test_segments_become_one_file(parts: list[bytes | tuple[int, int]], whole: int):
    import tempfile

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "_WHOLE", whole)
        target = Path(folder) / "out"
        written = write.write(SOURCE, list(parts), PLAIN, target)
        assert target.read_bytes() == expected(parts)
        assert written.sha256 == hashlib.sha256(expected(parts)).hexdigest()
        assert written.size == len(expected(parts))
        if written.size:
            with written.again() as stored:
                assert stored is not None
                assert stored[:] == expected(parts)
        written.discard()
        assert not target.exists()


@given(segments)
def test_joined_neighbours_are_the_same_bytes(parts: list[bytes | tuple[int, int]]):
    masked = Masked(0, 8, 16, 12, 11, signed=False, little=True)
    assert expected(shorten(SOURCE, list(parts))) == expected(parts)
    assert sum(map(length_of, parts)) == len(expected(parts))
    assert masked in shorten(SOURCE, [*parts, masked, *parts])


def test_long_ranges_stay_ranges(monkeypatch: pytest.MonkeyPatch):
    data = bytes(200_000)
    assert shorten(data, [b"a", (0, 10), (10, 150_000), b"b", (5, 6)]) == [
        b"a" + bytes(10),
        (10, 150_000),
        b"b\0",
    ]


def test_a_masked_segment_is_written_masked(tmp_path: Path):
    masked = Masked(2, 6, 16, 12, 11, signed=False, little=True)
    write.write(b"..\xff\xff\xff\xff..", [b"<", masked, b">"], PLAIN, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"<\xff\x0f\xff\x0f>"


def test_a_plan_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    written = write.write(SOURCE, [b"abc", (0, 5)], PLAIN, None)
    with written.again() as stored:
        assert stored == b"abc" + SOURCE[:5]
    written.discard()
    monkeypatch.setattr(write, "_WHOLE", 1)
    with write.write(SOURCE, [b"abc", (0, 5)], PLAIN, None).again() as stored:
        assert stored is None or stored[:] == b"abc" + SOURCE[:5]
    assert not list(tmp_path.iterdir())


def test_a_deflated_data_set_is_even_and_comes_back(tmp_path: Path):
    padded = 0
    for size in range(0, 40, 3):
        body = bytes(range(size)) * 4
        written = write.write(body, [b"HEAD", body[:size], (size, len(body))], DEFLATED, tmp_path / "out")
        data = (tmp_path / "out").read_bytes()
        unpacker = zlib.decompressobj(-15)
        assert data.startswith(b"HEAD")
        assert unpacker.decompress(data[4:]) == body
        assert unpacker.eof
        assert unpacker.unused_data in (b"", b"\0")
        padded += len(unpacker.unused_data)
        assert len(data) % 2 == 0
        assert (written.sha256, written.size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert padded


def test_a_target_is_readable_by_its_group_as_the_umask_says(tmp_path: Path):
    old = os.umask(0o027)
    try:
        write.write(b"", [b"abc"], PLAIN, tmp_path / "out")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o640


@pytest.mark.parametrize("whole", [0, 1 << 20])
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: int):
    real, calls = os.write, []

    def full(descriptor: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, bytes(data)[:5])

    monkeypatch.setattr(write, "_WHOLE", whole)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        write.write(SOURCE, [b"abc", (0, 500)], PLAIN, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_said_as_such_for_a_mapped_source(
    scrub: Scrub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    source = tmp_path / "source.dcm"
    source.write_bytes(encode(ct()))
    monkeypatch.setattr(read, "WHOLE", 100)
    monkeypatch.setattr(write, "_WHOLE", 100)

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        scrub(source)
    assert list(tmp_path.iterdir()) == [source]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:7]))
    write.write(SOURCE, [b"abc", (0, 500)], PLAIN, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"abc" + SOURCE[:500]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(OSError, match="No such file"):
        write.write(b"", [b"abc"], PLAIN, tmp_path / "nowhere" / "out")


@pytest.mark.parametrize(
    "change", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b"X" + data[1:]]
)
def test_what_is_read_back_otherwise_is_an_error(tmp_path: Path, change: object):
    written = write.write(SOURCE, [b"abc", (0, 50)], PLAIN, tmp_path / "out")
    (tmp_path / "out").write_bytes(change((tmp_path / "out").read_bytes()))
    with pytest.raises(OSError, match="differs"), written.again():
        pass


#: Preamble and file meta of a deflated file.
HEAD = samples.part10(b"", wire.DEFLATED).removesuffix(b"\3\0")


def clear_of(data: bytes) -> bytes:
    frame = read_frame(data)
    assert frame is not None
    with inflated(data, frame) as (clear, inner):
        return bytes(clear[inner.start :])


@pytest.mark.parametrize("folder", [True, False])
@pytest.mark.parametrize("size", [0, 1 << 20])
def test_a_large_data_set_is_inflated_into_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, folder: bool
):
    monkeypatch.setattr(normalise, "_MEMORY", size)
    data = encode(ct(), wire.DEFLATED)
    frame = read_frame(data)
    assert frame is not None
    with inflated(data, frame, str(tmp_path) if folder else None) as (clear, inner):
        assert isinstance(clear, mmap.mmap) == (folder and not size)
        assert clear[inner.start :] == wire.split(encode(ct())).body
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wbits", [-15, 15])
def test_both_kinds_of_deflate_are_read(wbits: int):
    plain = encode(ct())
    body = wire.split(plain).body
    packer = zlib.compressobj(wbits=wbits)
    packed = packer.compress(body) + packer.flush()
    for tail in (b"", b"\0", b"Mustermann"):
        assert clear_of(HEAD + packed + tail) == body


def test_a_file_that_is_not_deflated_is_left_alone():
    plain = encode(ct())
    frame = read_frame(plain)
    assert frame is not None
    with inflated(plain, frame) as (clear, inner):
        assert clear is plain
        assert inner is frame


@pytest.mark.parametrize("cut", [2, 5, 100, 300])
def test_a_deflate_stream_cut_short_is_truncated(scrub: Scrub, cut: int):
    result = scrub(encode(ct(), wire.DEFLATED)[:-cut]).result
    assert (result.status, result.reason) in (("withheld", "truncated"), ("withheld", "damaged"))


def test_a_deflate_stream_that_is_none_is_damaged(scrub: Scrub):
    result = scrub(HEAD + b"\xff" * 50).result
    assert (result.status, result.reason) == ("withheld", "damaged")


def test_a_bomb_is_refused_before_it_is_unpacked(scrub: Scrub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(normalise, "LIMIT", 1 << 20)
    monkeypatch.setattr(normalise, "_MOST", 1 << 20)
    zeros = wire.element(0x00091010, "OB", bytes(1 << 24))
    packer = zlib.compressobj(9, wbits=-15)
    bomb = packer.compress(wire.split(samples.by_hand({0x00091010: zeros})).body) + packer.flush()
    assert len(bomb) < 1 << 16
    result = scrub(HEAD + bomb).result
    assert (result.status, result.reason) == ("withheld", "too-large")


def ordered(body: bytes, frame: Frame = PLAIN) -> bytes:
    with put_in_order(body, frame) as (data, again):
        assert again.start == 0
        assert again.syntax == frame.syntax
        return bytes(data)


def test_tags_are_sorted_and_single():
    parts = [wire.element(0x00080060, "CS", "CT"), wire.element(0x00080016, "UI", samples.CT)]
    parts += [wire.element(0x00080060, "CS", "MR"), wire.element(0x00100020, "LO", "4711")]
    found = wire.elements(ordered(b"".join(parts)))
    assert [each.tag for each in found] == [0x00080016, 0x00080060, 0x00100020]


@pytest.mark.parametrize("vr", ["XX", "??", "Ab", "  "])
def test_a_vr_that_is_none_becomes_the_dictionary_s(vr: str):
    body = wire.element(0x00080060, vr, "CT") + wire.element(0x00100020, "LO", "4711")
    try:
        found = wire.elements(ordered(body))
    except Damaged:
        return
    assert [(each.tag, each.vr) for each in found] == [(0x00080060, "CS"), (0x00100020, "LO")]


def test_what_is_too_large_or_hopeless_is_damaged(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(Damaged):
        ordered(b"\x08\0\x60\0CS\xff\xff")
    monkeypatch.setattr(normalise, "LIMIT", 9)
    with pytest.raises(Damaged) as error:
        ordered(wire.element(0x00080060, "CS", "CT"))
    assert error.value.reason == "too-large"


def test_no_error_of_pydicom_gets_out(monkeypatch: pytest.MonkeyPatch):
    def quoting(*_: object) -> Iterator[bytes]:
        raise ValueError("Mustermann^Erika")

    monkeypatch.setattr("pydicom.filereader.read_dataset", quoting)
    with pytest.raises(Damaged) as error:
        ordered(wire.element(0x00080060, "CS", "CT"))
    assert "Muster" not in repr(error.value)
    assert error.value.__suppress_context__


def test_every_listed_dummy_item_is_legal():
    from io import BytesIO

    from pydicom.filereader import read_sequence

    from medcli.privacy import profiles

    for tag in {int(row["sequence"], 16) for row in profiles.rows("sequence_dummies")}:
        for encoding in (EXPLICIT_LE, IMPLICIT_LE):
            raw = dummy_items(encoding, tag, "2.25.1")
            (item,) = read_sequence(BytesIO(raw), not encoding.explicit, encoding.little, len(raw), ["ascii"])
            tags = [int(element.tag) for element in item]
            assert tags == sorted(set(tags))
            assert tags == sorted({path[0] for path, _, _ in profiles.sequence_dummy(tag)})
            for element in item:
                assert element.value is not None


def test_an_unlisted_sequence_has_an_empty_item():
    assert dummy_items(EXPLICIT_LE, 0x00081115, "2.25.1") == EXPLICIT_LE.item(b"")


def test_large_files_take_the_mapped_way(scrub: Scrub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    source = tmp_path / "source.dcm"
    source.write_bytes(build.sample("CT_small.dcm"))
    small = scrub(source)
    monkeypatch.setattr(read, "WHOLE", 1000)
    monkeypatch.setattr(write, "_WHOLE", 1000)
    large = scrub(source)
    assert large.data == small.data
    assert large.result == small.result
