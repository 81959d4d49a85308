"""The command line as a whole: the table, the boundary, settings, completion."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import click
import pytest

import medcli
from medcli import cli, errors, settings

SECRET = "Müller^Änne"


@pytest.fixture
def boom(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A command that raises what it is told."""

    def make(error: BaseException | None, result: object = None) -> None:
        @click.command()
        @click.option("--level", default=1)
        def bang(level: int) -> object:
            if error is not None:
                raise error
            return level if result == "level" else result

        module = type(sys)("boom")
        module.bang = bang  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "boom", module)
        monkeypatch.setitem(cli.COMMANDS, "bang", ("boom", "Bang."))

    return make


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"medcli, version {medcli.__version__}\n"


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_in_the_table_is_there_with_that_line(name: str) -> None:
    command = cli.medcli.get_command(click.Context(cli.medcli), name)
    assert command is not None
    assert command.get_short_help_str(limit=100) == cli.COMMANDS[name][1]


@pytest.mark.parametrize("name", sorted(set(medcli.__all__) - {"__version__"}))
def test_every_public_function_is_there(name: str) -> None:
    assert callable(getattr(medcli, name))
    assert name in dir(medcli)


def test_no_other_name_is_public() -> None:
    with pytest.raises(AttributeError, match="no attribute 'scrap'"):
        medcli.scrap  # noqa: B018 - the look itself is the test


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("So not."), 2),
        (errors.SetupError("So not."), 3),
        (errors.InputError("So not."), 4),
        (errors.SafetyRefused("So not."), 6),
        (click.UsageError("So not."), 2),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (ZeroDivisionError(SECRET), 1),
        (OSError(28, "No space left", SECRET), 3),
        (OSError(5, "Input/output error", SECRET), 1),
    ],
)
def test_every_error_has_its_code_and_none_its_words(
    boom: Callable[..., None], error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    boom(error)
    assert cli.main(["bang"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert "Error: " in err
    assert SECRET not in err
    assert "Traceback" not in err


def test_an_unforeseen_error_says_where(
    boom: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    boom(ZeroDivisionError(SECRET))
    cli.main(["bang"])
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    assert "  medcli/cli.py:" in err


def test_debugging_shows_everything_and_warns_of_it(
    boom: Callable[..., None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDCLI_DEBUG", "1")
    boom(ZeroDivisionError(SECRET))
    assert cli.main(["bang"]) == 1
    err = capsys.readouterr().err
    assert "may hold patients' values" in err
    assert SECRET in err


@pytest.mark.parametrize(("result", "code"), [(None, 0), (5, 5), (6, 6), ("text", 0)])
def test_a_commands_result_is_the_exit_code(boom: Callable[..., None], result: object, code: int) -> None:
    boom(None, result)
    assert cli.main(["bang"]) == code


def test_flag_before_environment_before_file_before_default(
    boom: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    boom(None, "level")
    assert cli.main(["bang"]) == 1
    (tmp_path / "medcli.toml").write_text("[bang]\nlevel = 2\n[scrub]\nx = 1\n")
    assert cli.main(["bang"]) == 2
    monkeypatch.setenv("MEDCLI_BANG_LEVEL", "3")
    assert cli.main(["bang"]) == 3
    assert cli.main(["bang", "--level", "4"]) == 4


def test_what_the_settings_file_has_too_much_is_named(
    boom: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    boom(None)
    (tmp_path / "medcli.toml").write_text("[bang]\nlevle-of = 2\n")
    assert cli.main(["bang"]) == 2
    assert "[bang] what bang does not know: levle-of." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "variable", "says"),
    [
        ("[Bang]\nlevel = 2", "", "a table of no command: [Bang]"),
        ("[scrubb]\n", "", "a table of no command: [scrubb]"),
        ("", "MEDCLI_SCRUB_PROFIL", "what scrub does not know: profil"),
    ],
)
def test_a_setting_that_nobody_reads_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, variable: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "medcli.toml").write_text(text)
    if variable:
        monkeypatch.setenv(variable, "1")
    with pytest.raises(errors.UsageError) as caught:
        cli.medcli.main(
            ["scrub", "--explain", "KVP"],
            standalone_mode=False,
            auto_envvar_prefix="MEDCLI",
            default_map=settings.load(),
        )
    assert says in caught.value.message


@pytest.mark.parametrize("arguments", [["scrap"], ["--verson"]])
def test_click_says_what_is_wrong_on_the_command_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    assert "Error: No such" in capsys.readouterr().err


def test_python_m_medcli_and_shell_completion() -> None:
    command = [sys.executable, "-m", "medcli"]
    told = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert told.stdout == f"medcli, version {medcli.__version__}\n"
    environment = os.environ | {
        "_MEDCLI_COMPLETE": "bash_complete",
        "COMP_WORDS": "medcli scr",
        "COMP_CWORD": "1",
    }
    told = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert told.stdout == "plain,scrub\n"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    told = subprocess.run(
        f"{sys.executable} -m medcli --help | head -1", shell=True, capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith("Usage: medcli")
    assert told.stderr == ""


def test_the_modules_in_the_table_are_commands_modules() -> None:
    for module, _ in cli.COMMANDS.values():
        assert import_module(module).__name__.startswith("medcli.commands.")
