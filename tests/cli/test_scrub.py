"""``medcli scrub`` as it is run: options, exit codes, streams, interruptions."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from medcli import cli
from tests.inbox import dicom, directory, fill, tree

Command = Callable[..., subprocess.CompletedProcess[str]]


def run(*arguments: str | Path) -> tuple[int, str, str]:
    """The command in this process: exit code, stdout, stderr."""
    out, err = sys.stdout, sys.stderr
    with CliRunner().isolation() as streams:
        code = cli.main([str(argument) for argument in arguments])
        assert (sys.stdout, sys.stderr) != (out, err)
        sys.stdout.flush()
        sys.stderr.flush()
    return code, streams[0].getvalue().decode(), streams[1].getvalue().decode()


def start(*arguments: str | Path, **options: object) -> subprocess.Popen[str]:
    """The command in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "medcli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=Path(__file__).parents[2],
        **options,  # type: ignore[call-overload]
    )


def product(folder: Path, name: str = "release") -> dict[str, object]:
    """Everything that has to be the same however a run went."""
    confidential = folder / f"{name}-confidential"
    return {
        "release": tree(folder / name),
        "manifest": (folder / f"{name}-manifest.json").read_bytes(),
        **{one: (confidential / one).read_bytes() for one in ("files.csv", "report.jsonl", "crosswalk.csv")},
    }


def mixed(folder: Path, files: int) -> Path:
    """An inbox with everything in it that decisions are made about."""
    inbox = fill(folder / "inbox", files)
    directory(inbox / "Quittenbaum_0")
    (inbox / "copy").write_bytes(dicom(0, patient="MRN-0000"))
    (inbox / "other").write_bytes(dicom(1, patient="MRN-0000", pixels=bytes(127) + b"\1"))
    (inbox / "half").write_bytes(dicom(3)[:300])
    (inbox / "junk").write_bytes(b"junk")
    import zipfile

    with zipfile.ZipFile(inbox / "cd.zip", "w") as archive:
        for number in range(5):
            archive.writestr(f"IM{number}", dicom(number, study=900, series=900, patient="ZIP"))
    return inbox


def test_a_run_in_a_process_prints_a_table_and_says_where_to_look(tmp_path: Path) -> None:
    fill(tmp_path / "inbox", 3)
    done = start("scrub", tmp_path / "inbox", "--output", tmp_path / "release")
    out, err = done.communicate(timeout=120)
    assert (done.returncode, err) == (0, "")
    assert re.search(r"released +3", out)
    assert str(tmp_path / "release-confidential") in out
    assert "Quittenbaum" not in out


def test_json_is_one_document_on_stdout(tmp_path: Path) -> None:
    fill(tmp_path / "inbox", 3)
    (tmp_path / "inbox" / "half").write_bytes(dicom(9)[:300])
    code, out, err = run(
        "scrub", tmp_path / "inbox", "--output", tmp_path / "release", "--workers", "1", "--json"
    )
    facts = json.loads(out)
    assert (code, err, facts["exit_code"], facts["withheld"]) == (5, "", 5, {"truncated": 1})
    assert facts == json.loads((tmp_path / "release-confidential" / "summary.json").read_text())
    code, out, _ = run("scrub", "--verify", tmp_path / "release", "--json")
    assert (code, json.loads(out)["findings"]) == (0, [])
    code, out, _ = run("scrub", "--explain", "PatientName", "--json")
    assert (code, json.loads(out)["tag"]) == (0, "(0010,0010)")
    code, out, _ = run(
        "scrub", tmp_path / "inbox", "--output", tmp_path / "r2", "--dry-run", "--json", "--workers", "1"
    )
    assert (code, json.loads(out)["status"]["released"]) == (5, 3)
    assert not (tmp_path / "r2").exists()


def test_a_finding_of_verify_is_exit_code_6_and_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "inbox", 2)
    assert run("scrub", tmp_path / "inbox", "--output", tmp_path / "release", "--workers", "1")[0] == 0
    path = next((tmp_path / "release").rglob("*.dcm"))
    path.write_bytes(path.read_bytes()[:-2] + b"\1\1")
    code, out, _ = run("scrub", "--verify", tmp_path / "release")
    assert code == 6
    assert f"changed {path.relative_to(tmp_path / 'release').as_posix()}" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--colour"], "No such option"),
        (["inbox"], "--output is missing"),
        (["--output", "release"], "Nothing to de-identify"),
        (["inbox", "--output", "release", "--profile", "lax"], "'lax' is not one of"),
        (
            ["inbox", "--output", "release", "--clean", "pixel-data", "--pixels", "off"],
            "--clean pixel-data and --pixels off contradict",
        ),
        (["inbox", "--output", "release", "--pixels", "some"], "'some' is not one of"),
        (["inbox", "--output", "release", "--fill", "noise"], "only where pixels are cleaned"),
        (["inbox", "--output", "release", "--date-shift", "-10..5"], "means nothing without"),
        (
            ["inbox", "--output", "release", "--retain", "modified-dates", "--date-shift", "5"],
            "two whole numbers",
        ),
        (
            ["inbox", "--output", "release", "--retain", "modified-dates", "--date-shift", "5..1"],
            "must not be above MAX",
        ),
        (
            ["inbox", "--output", "release", "--retain", "full-dates", "--retain", "modified-dates"],
            "contradict",
        ),
        (["inbox", "--output", "release", "--retain", "uids,modified-dates"], "--retain A --retain B"),
        (["inbox", "--output", "inbox/release"], "inside each other"),
        (["inbox/deep", "--output", "inbox"], "inside each other"),
        (["inbox", "--output", "release", "--confidential", "release"], "inside each other"),
        (["inbox", "--output", "release", "--workers", "0"], "0 is not in the range"),
        (["inbox", "--output", "full"], "not empty"),
        (["--explain", "Nonsense"], "no keyword"),
        (["--verify", "release", "inbox"], "do not go together"),
    ],
)
def test_wrong_use_is_exit_code_2_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    fill(tmp_path / "inbox" / "deep", 1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").touch()
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run("scrub", *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_released_claims_nothing(tmp_path: Path) -> None:
    (tmp_path / "half").write_bytes(dicom(9)[:300])
    code, out, _ = run("scrub", tmp_path / "half", "--output", tmp_path / "release", "--workers", "1")
    assert code == 5
    assert "nothing was released that could claim it" in out


def test_both_values_of_an_option_that_differs_are_told(tmp_path: Path) -> None:
    fill(tmp_path / "inbox", 1)
    command = ("scrub", tmp_path / "inbox", "--output", tmp_path / "release", "--workers", "1")
    assert run(*command)[0] == 0
    code, _, err = run(*command, "--profile", "strict", "--retain", "uids")
    assert code == 2
    assert "profile (release: basic, now: strict), retain (release: none, now: uids)." in " ".join(
        err.split()
    )


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    fill(tmp_path / "inbox", 2)
    script = tmp_path / "script.py"
    script.write_text("import medcli\nmedcli.scrub('inbox', output='release', workers=2)\n")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    told = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 1
    assert "Call medcli under: if __name__ == '__main__':" in told.stderr
    assert "Another run" not in told.stderr


@pytest.mark.parametrize(
    "setting",
    [
        'output = "elsewhere"',
        'profile = "strict"',
        'retain = ["uids"]',
        'layout = "mirror"',
        "crosswalk = true",
        'confidential = "secret"',
        'pixels = "off"',
        'state = "ledger"',
        'rules = "rules.tsv"',
        'subjects = "subjects.csv"',
        'key-file = "key"',
        'retain = ["modified-dates"]\ndate-shift = [-100, -10]',
    ],
)
def test_defaults_that_say_nothing_to_a_mode_do_not_contradict_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "inbox", 1)
    assert run("scrub", "inbox", "--output", "release", "--workers", "1")[0] == 0
    (tmp_path / "medcli.toml").write_text(f"[scrub]\n{setting}\n")
    assert run("scrub", "--verify", "release")[0] == 0
    for table in ("rules.tsv", "subjects.csv"):
        (tmp_path / table).write_text(
            "attribute,action,reason\n" if table == "rules.tsv" else "patient_id,subject_id\n"
        )
    assert run("scrub", "--explain", "KVP")[0] == 0
    code, _, err = run("scrub", "--verify", "release", "--profile", "strict")
    assert (code, "--profile and --verify do not go together" in err) == (2, True)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("json = true", "what only the command line may say: json."),
        ('verify = "release"', "what only the command line may say: verify."),
        ("dry-run = true\nrestart = true", "what only the command line may say: dry-run, restart."),
        ('sources = ["inbox"]', "what only the command line may say: sources."),
        ('retain = "modified-dates"', 'a list is needed, as in: retain = ["..."]'),
        ("key-file = 5", "a path is needed"),
        ('retain = ["modified-dates"]\ndate-shift = 5', "--date-shift is MIN..MAX"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "inbox", 1)
    (tmp_path / "medcli.toml").write_text(f"[scrub]\n{setting}\n")
    code, out, err = run("scrub", "inbox", "--output", "release")
    assert (code, out) == (2, "")
    assert says in err
    assert not (tmp_path / "release-confidential").exists()


def test_a_mode_in_the_environment_is_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDCLI_SCRUB_EXPLAIN", "KVP")
    code, _, err = run("scrub", "--explain", "KVP")
    assert (code, "what only the command line may say: explain." in err) == (2, True)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("--subjects", "patient_id,subject_id\nQUITTE,\n", "Line 2 of the subjects file"),
        ("--rules", "attribute,action,reason\nQUITTE,X,x\n", "Line 2 of the rules file"),
    ],
)
def test_a_wrong_table_is_exit_code_4_and_not_quoted(
    tmp_path: Path, name: str, content: str, says: str
) -> None:
    fill(tmp_path / "inbox", 1)
    (tmp_path / "table").write_text(content)
    code, _, err = run(
        "scrub", tmp_path / "inbox", "--output", tmp_path / "release", name, tmp_path / "table"
    )
    assert code == 4
    assert says in err
    assert "QUITTE" not in err
    assert not (tmp_path / "release-confidential").exists()


def test_an_empty_a_missing_and_a_special_source_are_exit_code_4(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, says in (
        ("empty", "no files"),
        ("none", "does not exist"),
        ("pipe", "neither a file nor a folder"),
    ):
        code, _, err = run("scrub", tmp_path / name, "--output", tmp_path / f"of-{name}", "--workers", "1")
        assert code == 4
        assert says in err


@contextmanager
def without_rights() -> Iterator[None]:
    """Files are opened as nobody, where this is root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_folder_without_rights_is_exit_code_4(tmp_path: Path) -> None:
    fill(tmp_path / "inbox", 1)
    (tmp_path / "inbox").chmod(0)
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o055)
    with without_rights():
        code, _, err = run("scrub", tmp_path / "inbox", "--output", tmp_path / "release")
    (tmp_path / "inbox").chmod(0o700)
    assert code == 4
    assert "Permission denied" in err


def test_an_output_that_cannot_be_written_is_exit_code_3(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "inbox", 1)
    (tmp_path / "closed").mkdir(mode=0o555)
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o055)
    import medcli.privacy.job  # noqa: F401 - or nobody would have to read the interpreter's files

    with without_rights():
        code, _, err = run("scrub", inbox, "--output", tmp_path / "closed" / "release")
    assert code == 3
    assert "can't be written: Permission denied" in err


def test_a_key_that_others_can_read_is_exit_code_3(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "inbox", 1)
    (tmp_path / "key").write_text("medcli key 1\n" + "0" * 64)
    (tmp_path / "key").chmod(0o644)
    code, _, err = run("scrub", inbox, "--output", tmp_path / "release", "--key-file", tmp_path / "key")
    assert code == 3
    assert "chmod 600" in err


def test_a_full_disk_is_exit_code_3_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medcli.privacy.dicom import write

    fill(tmp_path / "inbox", 30)
    command = ("scrub", tmp_path / "inbox", "--output", tmp_path / "release", "--workers", "1")
    real, left = write.os.write, [12]

    def scarce(descriptor: int, data: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr(write.os, "write", scarce)
        code, _, err = run(*command)
    assert code == 3
    assert "disk-full" in err
    assert tree(tmp_path / "release") == {}
    code, out, _ = run(*command)
    assert code == 0
    assert re.search(r"released +30", out)
    assert re.search(r"from earlier runs +1[12]", out)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A file system of `size`, where that can be had; calling what it gives makes it another size."""
    folder.mkdir()
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("needs the right to mount")
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False
    ).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(
    ("on_disk", "size"), [("release", "300k"), ("confidential", "140k"), ("state", "60k"), ("state", "140k")]
)
def test_a_really_full_disk(tmp_path: Path, on_disk: str, size: str) -> None:
    (tmp_path / "inbox").mkdir()
    for number in range(60):
        (tmp_path / "inbox" / str(number)).write_bytes(
            dicom(number, Rows=128, Columns=256, pixels=bytes(1 << 16))
        )
    places = {name: tmp_path / name for name in ("release", "confidential", "state")}
    with small_disk(tmp_path / "disk", size) as resize:
        places[on_disk] = tmp_path / "disk" / on_disk
        command = ["scrub", tmp_path / "inbox", "--output", places["release"], "--workers", "2"]
        command += ["--confidential", places["confidential"], "--state", places["state"]]
        code, _, err = run(*command)
        assert code == 3, err
        assert "full" in err
        assert not places["release"].is_dir() or tree(places["release"]) == {}
        resize("20m")
        assert run(*command)[0] == 0
        assert len(tree(places["release"])) == 60


def test_an_output_that_is_another_disks_root_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/dev/shm").is_dir() or Path("/dev/shm").stat().st_dev == Path("/dev").stat().st_dev:
        pytest.skip("no other file system here")
    from medcli.privacy.release import Staging

    staging = Staging(Path("/dev/shm"), bytes(32))
    with pytest.raises(Exception, match="another disk is mounted"):
        staging.prepare()


def interrupt(arguments: list[str | Path], seconds: float) -> None:
    """Kill the command and its workers after a while."""
    process = start(*arguments)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)


def test_ctrl_c_is_exit_code_130_and_the_same_command_goes_on(tmp_path: Path) -> None:
    inbox = mixed(tmp_path, 400)
    command: list[str | Path] = [
        "scrub",
        inbox,
        "--output",
        tmp_path / "release",
        "--crosswalk",
        "--workers",
        "2",
    ]
    before = 0
    for _ in range(2):
        process = start(*command)
        while len(list(tmp_path.glob(".release.staging-*/?/*"))) <= before and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert "goes on from here" in err
        before = len(list(tmp_path.glob(".release.staging-*/?/*")))
    assert tree(tmp_path / "release") == {}
    assert run(*command)[0] == 5
    unbroken(tmp_path, inbox, "2")
    assert product(tmp_path) == product(tmp_path / "unbroken")


def unbroken(folder: Path, inbox: Path, workers: str) -> None:
    """The same run under the same key, elsewhere and in one go."""
    private = folder / "unbroken" / "release-confidential"
    private.mkdir(parents=True, mode=0o700)
    shutil.copy2(folder / "release-confidential" / "key", private / "key")
    output = folder / "unbroken" / "release"
    assert run("scrub", inbox, "--output", output, "--crosswalk", "--workers", workers)[0] == 5


def killed_again_and_again(folder: Path, files: int, kills: int, seed: int) -> None:
    inbox, chance = mixed(folder, files), random.Random(seed)
    command: list[str | Path] = [
        "scrub",
        inbox,
        "--output",
        folder / "release",
        "--crosswalk",
        "--workers",
        "2",
    ]
    begun = time.monotonic()
    run("scrub", inbox, "--output", folder / "warm", "--workers", "2")
    whole = time.monotonic() - begun
    seen: dict[str, bytes] = {}
    for _ in range(kills):
        interrupt(command, chance.uniform(0.15, 0.5 + whole))
        seen |= tree(folder / "release") if (folder / "release").is_dir() else {}
    assert run(*command)[0] == 5
    assert seen.items() <= tree(folder / "release").items()
    unbroken(folder, inbox, "1")
    assert product(folder) == product(folder / "unbroken")
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    assert run("scrub", "--verify", folder / "release")[0] == 0


def test_kill_9_at_random_moments_ends_with_the_same_release(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path, 150, 6, 5)


@pytest.mark.slow
def test_kill_9_at_50_random_moments_over_1000_files(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path, 1000, 50, 11)


class Killed(BaseException):
    """Stands for a kill at an exact place."""


PLACES = (
    "record",
    "decide",
    "place",
    "settle",
    "unpublished",
    "note_fileset",
    "released",
    "account",
    "links",
    "counts",
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("late", [False, True])
def test_a_kill_anywhere_in_the_end_is_mended_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, late: bool
) -> None:
    from medcli.privacy.catalogue import Catalogue

    inbox = mixed(tmp_path, 20)
    command = ("scrub", inbox, "--output", tmp_path / "release", "--crosswalk", "--workers", "1")
    real = getattr(Catalogue, place)

    def deadly(self: Catalogue, *arguments: object, **named: object) -> object:
        if late:
            result = real(self, *arguments, **named)
            if result is not None:
                list(result)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Catalogue, place, deadly)
        with pytest.raises(Killed):
            run(*command)
    assert run(*command)[0] == 5
    unbroken(tmp_path, inbox, "1")
    assert product(tmp_path) == product(tmp_path / "unbroken")


@pytest.mark.parametrize("after", [0, 1, 7])
def test_a_kill_between_two_renames_is_mended_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    from medcli.privacy import release

    inbox = mixed(tmp_path, 20)
    command = ("scrub", inbox, "--output", tmp_path / "release", "--crosswalk", "--workers", "1")
    real, done = release.Staging._move, [0]

    def deadly(path: str, place: str) -> None:
        if done[0] == after:
            raise Killed
        done[0] += 1
        real(path, place)

    with monkeypatch.context() as patch:
        patch.setattr(release.Staging, "_move", staticmethod(deadly))
        with pytest.raises(Killed):
            run(*command)
    assert len(tree(tmp_path / "release")) == after
    assert run(*command)[0] == 5
    unbroken(tmp_path, inbox, "1")
    assert product(tmp_path) == product(tmp_path / "unbroken")


def test_the_help_page_is_quick_and_loads_nothing_heavy() -> None:
    script = (
        "import sys, time\nfrom medcli.cli import main\n"
        "try:\n    main(['scrub', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'pydicom', 'numpy', 'tqdm', 'sqlite3', 'multiprocessing'} & sys.modules.keys()\n"
        "print(sorted(heavy), time.process_time(), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy, seconds = done.stderr.strip().rsplit(" ", 1)
    assert heavy == "[]"
    assert float(seconds) < 0.3
    assert "--retain" in done.stdout
