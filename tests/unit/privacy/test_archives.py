"""Archives as streams: members, refusals, bombs."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from medcli.privacy.archives import Limits, Member, Unwritable, members
from medcli.privacy.streams import container

MODES = {"tar": "", "gzip": "gz", "bzip2": "bz2", "xz": "xz"}


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(*files: tuple[str, bytes], kind: str = "tar", form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{MODES[kind]}", format=form) as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def read(data: bytes, spool: Path, limits: Limits | None = None) -> list[Member]:
    return list(members(io.BytesIO(data), len(data), container(data[:512]), str(spool), limits))


def outcomes(data: bytes, spool: Path, limits: Limits | None = None) -> list[tuple[str, str]]:
    return [(one.name, one.reason or "ok") for one in read(data, spool, limits)]


FILES = (("a/1", b"one"), ("Quittenbaum/2", b"two" * 1000), ("3", b""))


@pytest.mark.parametrize("data", [zipped(*FILES), *(tarred(*FILES, kind=kind) for kind in MODES)])
def test_members_come_in_order_with_their_content(data: bytes, tmp_path: Path) -> None:
    assert [(one.number, one.name, one.data) for one in read(data, tmp_path)] == [
        (number, name, content) for number, (name, content) in enumerate(FILES, 1)
    ]


def test_many_members_and_prefixed_and_wide_zips_are_read_in_flat_memory(tmp_path: Path) -> None:
    import tracemalloc

    data = zipped(*((f"folder/{number}", b"%d" % number) for number in range(3000)))
    wanted = [(f"folder/{number}", b"%d" % number) for number in range(3000)]
    assert [(one.name, one.data) for one in read(data, tmp_path)] == wanted
    prefixed = data[:30] + b"prefix of some kind" + data
    found = members(io.BytesIO(prefixed), len(prefixed), "zip", str(tmp_path))
    assert [(one.name, one.data) for one in found] == wanted
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open("a", "w", force_zip64=True) as stream:
        stream.write(b"x")
    assert outcomes(buffer.getvalue(), tmp_path) == [("a", "ok")]
    data = zipped(*((str(number), b"") for number in range(70_000)))  # more than the old end can count
    file = io.BytesIO(data)
    tracemalloc.start()
    assert sum(1 for one in members(file, len(data), "zip", str(tmp_path)) if not one.reason) == 70_000
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_foreign_names_are_read_in_every_tar_format(form: int, tmp_path: Path) -> None:
    name = "ä" * 40 + "/" + "x" * 60
    assert outcomes(tarred((name, b"x"), form=form), tmp_path) == [(name, "ok")]


def test_containers_are_known_by_their_content_and_dicom_comes_first() -> None:
    kinds = {"zip": zipped(("a", b"x")), **{kind: tarred(("a", b"x"), kind=kind) for kind in MODES}}
    assert {kind: container(data[:512]) for kind, data in kinds.items()} == {kind: kind for kind in kinds}
    assert container(b"PK\x03\x04" + bytes(124) + b"DICM" + bytes(400)) == ""
    assert container(bytes(512)) == container(b"") == container(b"hello" * 100) == ""


def test_an_old_tar_without_a_magic_is_known_by_its_checksum(tmp_path: Path) -> None:
    data = bytearray(tarred(("a", b"x"), form=tarfile.USTAR_FORMAT))
    data[257:265] = bytes(8)
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + 8 * 32 + sum(data[156:512]))
    assert outcomes(bytes(data), tmp_path) == [("a", "ok")]


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "C:/x", "..\\x"])
def test_a_name_that_climbs_out_is_refused_and_the_next_member_read(
    make: Callable[..., bytes], name: str, tmp_path: Path
) -> None:
    assert outcomes(make((name, b"x"), ("b", b"y")), tmp_path) == [(name, "path-escape"), ("b", "ok")]


def test_links_and_devices_are_ignored_and_folders_unmentioned(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:") as archive:
        for name, kind in (
            ("l", tarfile.SYMTYPE),
            ("h", tarfile.LNKTYPE),
            ("d", tarfile.CHRTYPE),
            ("f", tarfile.DIRTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    result = read(buffer.getvalue(), tmp_path)
    assert [(one.name, one.ignored, one.reason) for one in result] == [
        ("l", True, "symlink"),
        ("h", True, "symlink"),
        ("d", True, "special-file"),
    ]
    link = zipfile.ZipInfo("l")
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr(link, "/etc/passwd")
        packed.mkdir("folder")
    assert outcomes(buffer.getvalue(), tmp_path) == [("l", "symlink")]


def test_encrypted_members_are_refused_one_by_one(tmp_path: Path) -> None:
    data = bytearray(zipped(("secret", b"x" * 50), ("open", b"y")))
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= 1
    assert outcomes(bytes(data), tmp_path) == [("secret", "encrypted-member"), ("open", "ok")]


def test_an_archive_in_an_archive_is_refused_and_other_compressed_things_ignored(tmp_path: Path) -> None:
    import gzip

    data = zipped(
        ("inner.zip", zipped(("a", b"x"))),
        ("inner.tgz", tarred(("a", b"x"), kind="gzip")),
        ("dicom.gz", gzip.compress(bytes(128) + b"DICM" + bytes(100))),
        ("volume.nii.gz", gzip.compress(bytes(5000))),
        ("half.gz", gzip.compress(bytes(5000))[:30]),
    )
    reasons = [(one.reason, one.ignored) for one in read(data, tmp_path)]
    assert reasons == [("nested-archive", False)] * 3 + [("not-dicom", True)] * 2


def test_a_compressed_file_that_is_no_archive(tmp_path: Path) -> None:
    import gzip

    assert outcomes(gzip.compress(bytes(5000)), tmp_path) == [("", "not-dicom")]
    assert outcomes(gzip.compress(bytes(128) + b"DICM" + bytes(900)), tmp_path) == [("", "compressed-file")]


@pytest.mark.parametrize("make", [zipped, lambda *files: tarred(*files, kind="xz")])
def test_what_grows_beyond_measure_is_a_bomb(make: Callable[..., bytes], tmp_path: Path) -> None:
    data = make(*((str(number), bytes(1 << 20)) for number in range(20)))
    limits = Limits(ratio=2, slack=3 << 20)
    reasons = [reason for _, reason in outcomes(data, tmp_path, limits)]
    assert 1 <= reasons.count("ok") <= 3
    assert reasons[-1] == "archive-bomb"
    assert len(reasons) <= 4
    assert all(one == "ok" for _, one in outcomes(data, tmp_path))


@pytest.mark.parametrize("make", [zipped, tarred])
def test_too_many_members_are_a_bomb(make: Callable[..., bytes], tmp_path: Path) -> None:
    data = make(*((str(number), b"x") for number in range(20)))
    assert outcomes(data, tmp_path, Limits(members=10))[-1] == ("", "archive-bomb")


@pytest.mark.parametrize("make", [zipped, tarred])
def test_a_member_that_is_too_large_is_refused_alone(make: Callable[..., bytes], tmp_path: Path) -> None:
    data = make(("a", bytes(100_000)), ("b", b"y"))
    assert outcomes(data, tmp_path, Limits(member=50_000)) == [("a", "too-large"), ("b", "ok")]


def test_a_member_that_lies_about_its_size_is_counted_as_it_is_read(tmp_path: Path) -> None:
    data = bytearray(zipped(("a", bytes(400_000)), ("b", b"y")))
    at = data.find(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    result = outcomes(bytes(data), tmp_path, Limits(member=50_000, whole=1000))
    assert result[0][1] in ("too-large", "bad-archive-member")
    assert result[1] == ("b", "ok")


def test_an_extended_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 4 << 30
    import gzip

    data = gzip.compress(info.tobuf(tarfile.USTAR_FORMAT) + bytes(4 << 20))
    assert outcomes(data, tmp_path) == [("", "archive-bomb")]


def test_large_members_go_through_a_private_file_that_does_not_stay(tmp_path: Path) -> None:
    content = os.urandom(300_000)
    data = tarred(("big", content), ("small", b"x"), kind="gzip")
    for one in members(io.BytesIO(data), len(data), "gzip", str(tmp_path), Limits(whole=100_000)):
        if one.name == "big":
            assert isinstance(one.data, Path)
            assert one.data.parent == tmp_path
            assert one.data.stat().st_mode & 0o777 == 0o600
            assert one.data.read_bytes() == content
        else:
            assert one.data == b"x"
    assert not list(tmp_path.iterdir())


def test_no_room_for_a_large_member_stops_the_archive(tmp_path: Path) -> None:
    data = zipped(("big", os.urandom(300_000)))
    with pytest.raises(Unwritable):
        list(members(io.BytesIO(data), len(data), "zip", str(tmp_path / "gone"), Limits(whole=100_000)))


@pytest.mark.parametrize("cut", [30, 2000, 9000])
@pytest.mark.parametrize("kind", ["zip", *MODES])
def test_a_truncated_archive_ends_with_a_reason(kind: str, cut: int, tmp_path: Path) -> None:
    files = [(f"f{number}", os.urandom(3000)) for number in range(4)]
    data = zipped(*files) if kind == "zip" else tarred(*files, kind=kind)
    result = read(data[:cut], tmp_path)
    assert result
    assert result[-1].reason in ("bad-archive", "bad-archive-member", "not-dicom")


def test_a_damaged_header_in_the_middle_of_a_tar_is_not_taken_for_its_end(tmp_path: Path) -> None:
    data = bytearray(tarred(("a", b"x"), ("b", b"y"), ("c", b"z"), form=tarfile.USTAR_FORMAT))
    data[1024 + 150] ^= 0x05
    assert outcomes(bytes(data), tmp_path) == [("a", "ok"), ("", "bad-archive")]


def test_a_wrong_checksum_costs_one_member(tmp_path: Path) -> None:
    data = bytearray(zipped(("a", b"one" * 100), ("b", b"two"), method=zipfile.ZIP_STORED))
    data[40] ^= 1
    assert outcomes(bytes(data), tmp_path) == [("a", "bad-archive-member"), ("b", "ok")]


def test_noise_behind_a_magic_never_raises(tmp_path: Path) -> None:
    import random

    chance = random.Random(7)
    whole = {"zip": zipped(*FILES), **{kind: tarred(*FILES, kind=kind) for kind in MODES}}
    for data in whole.values():
        for _ in range(60):
            noisy = bytearray(data)
            for _ in range(5):
                noisy[chance.randrange(8, len(noisy))] = chance.randrange(256)
            if container(bytes(noisy[:512])):
                read(bytes(noisy), tmp_path, Limits(slack=1 << 20))
    assert not list(tmp_path.iterdir())


def test_global_headers_are_not_gathered(tmp_path: Path) -> None:
    import gzip
    import tracemalloc

    def header(number: int) -> bytes:
        info = tarfile.TarInfo("g")
        return info._create_pax_generic_header({f"k{number}": "x" * 900_000}, tarfile.XGLTYPE, "utf-8")  # type: ignore[attr-defined]

    member = tarred(("a", b"x"), form=tarfile.USTAR_FORMAT)[:1024]
    data = gzip.compress(b"".join(header(number) + member for number in range(40)), 1)
    tracemalloc.start()
    assert {one.reason for one in members(io.BytesIO(data), len(data), "gzip", str(tmp_path))} <= {
        "",
        "bad-archive",
    }
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()
    data = gzip.compress(b"".join(header(number) for number in range(40)) + member, 1)
    assert outcomes(data, tmp_path) == [("", "archive-bomb")]


def test_a_name_that_no_file_can_have_is_refused_at_once(tmp_path: Path) -> None:
    data = tarred(("a/" * 300_000, b"x"), ("b", b"y"))
    assert [(len(one.name), one.reason) for one in read(data, tmp_path)] == [(4096, "name-too-long"), (1, "")]
