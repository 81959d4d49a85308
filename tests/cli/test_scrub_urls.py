"""``medcli scrub`` from and into places named by URL: the release of a run on files of this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from medcli import storage
from tests.cli.test_scrub import mixed, run
from tests.inbox import dicom, fill, tree

OPTIONS = ("--workers", "1", "--crosswalk")
NAMES = ("files.csv", "report.jsonl", "crosswalk.csv")


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    fs = fsspec.filesystem("memory")
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


def upload(fs: fsspec.AbstractFileSystem, folder: Path, place: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            fs.pipe_file(f"{place}/{path.relative_to(folder)}", path.read_bytes())


def stored(fs: fsspec.AbstractFileSystem, place: str) -> dict[str, bytes]:
    return {name.split(place + "/", 1)[1]: fs.cat_file(name) for name in fs.find(place)}


def test_a_store_gives_and_takes_what_folders_do(tmp_path: Path, memory: fsspec.AbstractFileSystem) -> None:
    inbox = mixed(tmp_path, 13)
    (inbox / "report.txt").write_text("Patient MRN-0000, Quittenbaum Adelheid. No effusion.\n")
    upload(memory, inbox, "/bucket/inbox")
    key = ("--key-file", tmp_path / "key")
    code, _, err = run("scrub", inbox, "--output", tmp_path / "release", *key, *OPTIONS)
    assert code == 5, err
    given = ("memory://bucket/inbox", "--output", "memory://bucket/release", "--confidential", tmp_path / "c")
    code, out, err = run("scrub", *given, *key, *OPTIONS)
    assert code == 5, err
    assert "memory://bucket/release" in out
    assert stored(memory, "/bucket/release") == tree(tmp_path / "release")
    assert (
        memory.cat_file("/bucket/release-manifest.json") == (tmp_path / "release-manifest.json").read_bytes()
    )
    for name in ("statuses", "reasons"):
        column = -2 if name == "statuses" else -1
        ours, theirs = (
            sorted(line.split(",")[column] for line in (folder / "files.csv").read_text().splitlines())
            for folder in (tmp_path / "c", tmp_path / "release-confidential")
        )
        assert ours == theirs
    assert (
        not list((tmp_path / "c" / "notes" / "spool").glob("*"))
        if (tmp_path / "c/notes/spool").exists()
        else True
    )
    assert not (tmp_path / "c" / "staged").exists()

    # the same command again asks for nothing and changes nothing; a new object joins
    before = {name: memory.modified(name) for name in memory.find("/bucket/release")}
    code, out, _ = run("scrub", *given, *key, *OPTIONS, "--json")
    assert json.loads(out)["from_earlier_runs"] == json.loads(out)["items"]
    here = {name: memory.modified(name) for name in memory.find("/bucket/release")}
    assert {name: at for name, at in here.items() if not name.endswith("DICOMDIR")} == {
        name: at for name, at in before.items() if not name.endswith("DICOMDIR")
    }
    memory.pipe_file("/bucket/inbox/new", dicom(500, study=50, series=50, patient="NEW"))
    code, out, _ = run("scrub", *given, *key, *OPTIONS, "--json")
    assert len(stored(memory, "/bucket/release")) == len(before) + 1


def test_what_a_crash_left_is_put_by_the_next_run(
    tmp_path: Path, memory: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "inbox", 6)
    given = (
        tmp_path / "inbox",
        "--output",
        "memory://bucket/release",
        "--confidential",
        tmp_path / "c",
        *OPTIONS,
    )
    real, left = storage.put, [3]

    def put(source: str, url: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise storage.Unreachable("The store does not answer.")
        real(source, url)

    monkeypatch.setattr(storage, "put", put)
    code, _, err = run("scrub", *given)
    assert code == 3, err
    assert not memory.exists("/bucket/release-manifest.json")
    left[0] = 100
    assert run("scrub", *given)[0] == 0
    assert len(stored(memory, "/bucket/release")) == 6
    run("scrub", tmp_path / "inbox", "--output", tmp_path / "r", "--key-file", tmp_path / "c/key", *OPTIONS)
    assert stored(memory, "/bucket/release") == tree(tmp_path / "r")


def test_shards_of_a_store_merge_into_a_store_named_later(
    tmp_path: Path, memory: fsspec.AbstractFileSystem
) -> None:
    upload(memory, fill(tmp_path / "inbox", 9), "/bucket/inbox")
    for number in range(2):
        options = ("--shard", f"{number}/2", "--key-file", tmp_path / "key", *OPTIONS)
        code, _, err = run(
            "scrub", "memory://bucket/inbox", "--output", tmp_path / "parts" / str(number), *options
        )
        assert code == 0, err
    code, _, err = run(
        "merge", tmp_path / "parts/0", tmp_path / "parts/1", "--output", tmp_path / "merged", "--workers", "1"
    )
    assert code == 0, err
    run(
        "scrub", "memory://bucket/inbox", "--output", tmp_path / "r", "--key-file", tmp_path / "key", *OPTIONS
    )
    assert tree(tmp_path / "merged") == tree(tmp_path / "r")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("memory://b/nothing", "--output", "r"), 4, "nothing at the URL"),
        (("s3://user:secret@b/x", "--output", "r"), 2, "a user, a password or a signature"),
        (("https://b.example/x?sig=secret", "--output", "r"), 2, "a signature"),
        (("inbox", "--output", "memory://b/r"), 2, "needs --confidential"),
        (("nowhere://b/x", "--output", "r"), 2, "no way to nowhere://"),
        (("memory://b/x", "--output", "memory://b/x/r", "--confidential", "c"), 2, "inside each other"),
        (("inbox", "--output", "r", "--key-file", "s3://b/key"), 2, "not a URL"),
        (("file:///nowhere/at/all", "--output", "r"), 4, "Source 1 does not exist"),
    ],
)
def test_urls_that_cannot_be_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, words: str
) -> None:
    fill(tmp_path / "inbox", 1)
    monkeypatch.chdir(tmp_path)
    found, _, err = run("scrub", *arguments, "--workers", "1")
    assert (found, words in err) == (code, True), err
    assert "secret" not in err


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    fill(tmp_path / "in box", 2)
    code, _, err = run(
        "scrub", f"file://{tmp_path}/in%20box", "--output", f"file://{tmp_path}/release", *OPTIONS
    )
    assert code == 0, err
    assert len(tree(tmp_path / "release")) == 2


def test_a_place_of_others_is_not_taken(tmp_path: Path, memory: fsspec.AbstractFileSystem) -> None:
    fill(tmp_path / "inbox", 1)
    memory.pipe_file("/bucket/release/theirs", b"x")
    code, _, err = run(
        "scrub", tmp_path / "inbox", "--output", "memory://bucket/release", "--confidential", tmp_path / "c"
    )
    assert code == 2
    assert "not empty" in err
    assert memory.cat_file("/bucket/release/theirs") == b"x"


@pytest.mark.slow
def test_s3_gives_and_takes_what_folders_do(tmp_path: Path) -> None:
    """Through s3fs, in processes, against moto's S3."""
    pytest.importorskip("s3fs")
    server = os.environ.get("MEDCLI_TEST_MOTO", "moto_server")
    import shutil
    import socket
    import time

    if shutil.which(server) is None:
        pytest.skip("pip install 'moto[s3,server]', or name its moto_server in MEDCLI_TEST_MOTO")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    moto = subprocess.Popen(
        [server, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = f"http://127.0.0.1:{port}"
        env = os.environ | {
            "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "very-secret", "AWS_ENDPOINT_URL": end,
            "FSSPEC_S3_ENDPOINT_URL": end, "AWS_DEFAULT_REGION": "us-east-1",
        }  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.2)
        script = (
            "import fsspec,sys,pathlib; fs=fsspec.filesystem('s3'); fs.mkdir('bucket');"
            "root=pathlib.Path(sys.argv[1]);"
            "[fs.put_file(str(p), f'bucket/inbox/{p.relative_to(root)}') for p in root.rglob('*') if p.is_file()]"
        )
        inbox = mixed(tmp_path, 23)
        subprocess.run([sys.executable, "-c", script, str(inbox)], env=env, check=True)
        command = [
            sys.executable,
            "-m",
            "medcli",
            "scrub",
            "--key-file",
            str(tmp_path / "key"),
            "--workers",
            "2",
        ]
        root = Path(__file__).parents[2]
        subprocess.run([*command, str(inbox), "--output", str(tmp_path / "r")], cwd=root, check=False)
        done = subprocess.run(
            [*command, "s3://bucket/inbox", "--output", "s3://bucket/release", "--confidential", str(tmp_path / "c")],
            env=env, cwd=root, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 5, done.stderr
        fetch = (
            "import fsspec,sys; fsspec.filesystem('s3').get('bucket/release', sys.argv[1], recursive=True)"
        )
        subprocess.run([sys.executable, "-c", fetch, str(tmp_path / "got")], env=env, check=True)
        assert tree(tmp_path / "got") == tree(tmp_path / "r")
        for path in (tmp_path / "c").rglob("*"):
            assert not path.is_file() or b"very-secret" not in path.read_bytes()
    finally:
        moto.kill()
        moto.wait()
