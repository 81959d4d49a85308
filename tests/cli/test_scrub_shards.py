"""``medcli scrub --shard`` and ``medcli merge``: the release of an undivided run, or a refusal that says why."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import zipfile
from pathlib import Path

import pytest

from tests.cli.test_scrub import mixed, product, run
from tests.inbox import dicom, tree

COUNT = 3
OPTIONS = ("--workers", "1", "--crosswalk", "--clean", "descriptors")


def inbox_of(folder: Path) -> Path:
    """Copies, a conflict, two patients in a study, a DICOMDIR, archives, and texts about patients of other files."""
    inbox = mixed(folder, 36)
    (inbox / "two").write_bytes(dicom(77, patient="SOMEBODY-ELSE", name="Ganz^Anders", study=2, series=4))
    (inbox / "report.txt").write_text(
        "Patient MRN-0000, Quittenbaum Adelheid, seen on 14.09.2023. No effusion.\n"
    )
    (inbox / "notes.jsonl").write_text(
        "".join(
            json.dumps({"patient_id": one, "text": "Anders was here; quittenbaum too"}) + "\n"
            for one in ("MRN-0001", "SOMEBODY-ELSE")
        )
    )
    with zipfile.ZipFile(inbox / "both.zip", "w") as archive:
        archive.writestr("IM1", dicom(1, study=901, series=901, patient="ZIP-2", name="Fernweh^Ottilie"))
        archive.writestr("README.txt", "Patient ZIP-2: Fernweh came late.\n")
    return inbox


def shard(
    inbox: Path, folder: Path, number: int, *more: str | Path, count: int = COUNT
) -> tuple[int, str, str]:
    return run(
        "scrub", inbox, "--output", folder / "parts" / str(number), "--key-file", folder / "key",
        "--shard", f"{number}/{count}", *OPTIONS, *more,
    )  # fmt: skip


def merge(
    folder: Path, *names: object, output: str = "merged", more: tuple[str, ...] = ()
) -> tuple[int, str, str]:
    runs = [folder / "parts" / str(name) for name in names]
    return run("merge", *runs, "--output", folder / output, "--workers", "1", *more)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undivided release, and three shards of it."""
    folder = tmp_path_factory.mktemp("shards")
    inbox = inbox_of(folder)
    code, _, err = run("scrub", inbox, "--output", folder / "whole", "--key-file", folder / "key", *OPTIONS)
    assert code == 5, err
    for number in range(COUNT):
        code, _, err = shard(inbox, folder, number)
        assert code in (0, 5), err
    return folder


def test_shards_merge_to_the_bytes_of_an_undivided_run(world: Path) -> None:
    code, out, err = merge(world, 2, 0, 1)
    assert code == 5, err
    assert product(world, "merged") == product(world, "whole")
    assert "Release" in out
    statuses = (world / "whole-confidential" / "files.csv").read_text()
    for word in ("duplicate", "sop-instance-conflict", "study-names-two-patients", "dicomdir"):
        assert word in statuses
    released = b"".join(tree(world / "merged").values())
    assert b"Fernweh" not in released
    assert b"effusion" in released
    # copies stood in different shards: each thought it could release its own
    parts = [
        sorted(path.name for path in (world / "parts" / str(i) / "staged").glob("?/*")) for i in range(COUNT)
    ]
    assert all(parts)
    assert sum(map(len, parts)) > len(tree(world / "merged")) - 3
    # a second merge adds nothing, and an ordinary run goes on with the release
    assert merge(world, 0, 1, 2)[0] == 5
    inbox = world / "inbox"
    more = ("--output", world / "merged", "--key-file", world / "key", *OPTIONS, "--json")
    code, out, err = run("scrub", inbox, *more)
    assert json.loads(out)["from_earlier_runs"] == json.loads(out)["items"]
    assert product(world, "merged") == product(world, "whole")


def test_texts_are_cleaned_by_shards_that_see_all_headers(world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "parts", tmp_path / "parts")
    shutil.copy(world / "key", tmp_path / "key")
    waiting = 0
    for number in range(COUNT):
        code, out, err = shard(
            world / "inbox", tmp_path, number, "--shard-runs", tmp_path / "parts", "--json"
        )
        assert code in (0, 5), err
        waiting += json.loads(out).get("waiting", 0)
    assert waiting == 0
    assert merge(tmp_path, 0, 1, 2)[0] == 5
    assert product(tmp_path, "merged") == product(world, "whole")


def test_a_shard_says_what_it_left_and_looks_at_no_file_of_others(world: Path, tmp_path: Path) -> None:
    left = 0
    for number in range(COUNT):
        code, out, _ = shard(world / "inbox", tmp_path, number, "--json", *(() if number else ("--restart",)))
        told = json.loads(out)
        left += told.get("waiting", 0)
        assert told["shard"] == f"{number}/{COUNT}"
        assert code == told["exit_code"]
    assert left == 4  # three texts, and the archive with one
    assert (tmp_path / "parts" / "0").stat().st_mode & 0o077 == 0
    secret = tmp_path / "parts" / "0" / "shard.json"
    assert secret.stat().st_mode & 0o077 == 0


def test_merges_that_cannot_be_meant_are_refused_by_name(world: Path, tmp_path: Path) -> None:
    def refused(*names: object, code: int = 2) -> str:
        found, _, err = merge(tmp_path, *names)
        assert found == code, err
        assert not (tmp_path / "merged").exists() or not tree(tmp_path / "merged")
        return err

    shutil.copytree(world / "parts", tmp_path / "parts")
    assert "missing: 1/3" in refused(0, 2)
    assert "Shard 1/3 stands twice" in refused(0, 1, 1, 2)
    assert "Run 3 of 3 is no shard" in refused(0, 1, "nowhere", code=4)
    shutil.copy(world / "key", tmp_path / "key")
    shard(world / "inbox", tmp_path, 9, "--pixels", "off", count=10)
    assert "of 3 shards and of 10" in refused(0, 1, 2, 9)

    # other options, another key, other sources
    shutil.move(tmp_path / "parts" / "1", tmp_path / "one")
    shard(world / "inbox", tmp_path, 1, "--retain", "modified-dates")
    assert "differ in: retain" in refused(0, 1, 2)
    shutil.rmtree(tmp_path / "parts" / "1")
    (tmp_path / "key").unlink()
    shard(world / "inbox", tmp_path, 1)
    assert "differ in: key-file." in refused(0, 1, 2)  # and not in what is hashed by the key
    shutil.move(tmp_path / "key", tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "parts" / "1")
    shutil.copytree(tmp_path / "one", tmp_path / "parts" / "1")
    shutil.move(world / "key", world / "kept")
    try:
        assert "key file that the shards were run with" in refused(0, 1, 2, code=3)
    finally:
        shutil.move(world / "kept", world / "key")
    shutil.rmtree(tmp_path / "parts" / "1")
    shutil.copytree(world / "inbox", tmp_path / "inbox")
    shutil.copy(world / "key", tmp_path / "key")
    shard(tmp_path / "inbox", tmp_path, 1)
    assert "sources" in refused(0, 1, 2)
    shutil.rmtree(tmp_path / "parts" / "1")

    # a ledger that was copied, a file that got lost, a shard that was stopped
    shutil.move(tmp_path / "one", tmp_path / "parts" / "1")
    with sqlite3.connect(tmp_path / "parts" / "1" / "state" / "ledger.sqlite") as db:
        db.execute("ATTACH ? AS o", (str(tmp_path / "parts" / "0" / "state" / "ledger.sqlite"),))
        db.execute("INSERT INTO items SELECT item + 900, key, failed FROM o.items LIMIT 1")
        db.commit()
    db.close()
    assert "Shard 0/3 and Shard 1/3 both have an outcome" in refused(0, 1, 2, code=4)
    with sqlite3.connect(tmp_path / "parts" / "1" / "state" / "ledger.sqlite") as db:
        db.execute("DELETE FROM items WHERE item > 900")
    db.close()
    victim = next((tmp_path / "parts" / "1" / "staged").glob("?/*"))
    kept = victim.read_bytes()
    victim.unlink()
    assert "Shard 1/3 has lost a file" in refused(0, 1, 2, code=4)
    victim.write_bytes(kept[:-1])  # as a copy that broke off
    assert "Shard 1/3 has a staged file of another length" in refused(0, 1, 2, code=4)
    victim.write_bytes(kept)
    noted = tmp_path / "parts" / "2" / "shard.json"
    noted.write_text(noted.read_text().replace('"finished": true', '"finished": false'))
    assert "Shard 2/3 is not finished" in refused(0, 1, 2, code=4)
    noted.write_text(noted.read_text().replace('"finished": false', '"finished": true'))
    assert merge(tmp_path, 0, 1, 2)[0] == 5
    assert product(tmp_path, "merged") == product(world, "whole")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--shard", "0/2"), "--shard needs --key-file"),
        (("--shard", "2/2", "--key-file", "k"), "a number from 0"),
        (("--shard", "0/2", "--key-file", "k", "--dry-run"), "do not go together"),
        (("--shard-runs", "x"), "--shard-runs goes with --shard"),
        (("--shard", "0/2", "--key-file", "k", "--shard-runs", "x"), "missing: 0/2, 1/2"),
    ],
)
def test_what_a_shard_cannot_be_asked(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a").write_bytes(b"a")
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        code, _, err = run("scrub", "inbox", "--output", "part", *options)
    finally:
        os.chdir(before)
    assert code == 2
    assert words in err


def test_a_shard_takes_no_folder_of_others(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a").write_bytes(b"a")
    (tmp_path / "parts" / "0").mkdir(parents=True)
    (tmp_path / "parts" / "0" / "theirs").write_bytes(b"x")
    code, _, err = shard(tmp_path / "inbox", tmp_path, 0)
    assert code == 2
    assert "not empty" in err
    shutil.copytree(tmp_path / "inbox", tmp_path / "parts" / "1")
    (tmp_path / "parts" / "1" / "a").unlink()
    assert shard(tmp_path / "inbox", tmp_path, 1)[0] in (0, 5)
    before = tree(tmp_path / "parts" / "1")
    (tmp_path / "parts" / "2").symlink_to("1")
    code, _, err = shard(tmp_path / "inbox", tmp_path, 2)
    assert (code, "holds shard 1/3 already, and this is 2/3" in err) == (2, True), err
    assert tree(tmp_path / "parts" / "1") == before


def test_a_merge_that_was_broken_off_goes_on(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medcli.privacy import merging

    shutil.copytree(world / "parts", tmp_path / "parts")
    shutil.copy(world / "key", tmp_path / "key")
    real, left = merging.share, [0]

    def share(source: Path, target: Path) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(merging, "share", share)
    staged = [len(list((tmp_path / "parts" / str(one) / "staged").glob("?/*"))) for one in range(COUNT)]
    assert min(staged) > 4
    for number in (3, staged[0] + 1, staged[1] + 1):  # in the first part, in the second, in the third
        left[0] = number
        assert merge(tmp_path, 0, 1, 2)[0] == 130
        assert not tree(tmp_path / "merged")
    left[0] = 1000
    assert merge(tmp_path, 0, 1, 2)[0] == 5
    assert product(tmp_path, "merged") == product(world, "whole")
