"""From a Spec to Click parameters and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from medcli.commands.options import from_spec
from medcli.errors import UsageError
from medcli.settings import option


def days(text: str) -> tuple[int, int]:
    low, _, high = text.partition("..")
    if int(low) > int(high):
        raise ValueError("MIN is greater than MAX")
    return int(low), int(high)


@dataclass(frozen=True)
class Spec:
    sources: tuple[Path, ...] = option("Where from.", positional=True, metavar="SOURCE...")
    output: Path = option("Where to.", metavar="DIR")
    profile: str = option("Which.", default="basic", choices=("basic", "strict"))
    retain: tuple[str, ...] = option("What stays.", default=(), choices=("uids", "dates"))
    date_shift: tuple[int, int] = option("Days.", default=(-9, -1), metavar="MIN..MAX", parse=days)
    key_file: Path | None = option("The key.", default=None)
    workers: int = option("How many.", default=2, minimum=1, maximum=64)
    share: float = option("How much.", default=0.5, minimum=0.0, maximum=1.0)
    verify: bool = option("Look again.", default=True)
    dry_run: bool = option("Only plan.", default=False)
    unseen: int = 7

    def __post_init__(self) -> None:
        if self.dry_run and self.key_file:
            raise UsageError("A dry run needs no key.")


@click.command()
@from_spec(Spec)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(spec: Spec, *, as_json: bool) -> tuple[Spec, bool]:
    """Do it."""
    return spec, as_json


def call(*arguments: str) -> Any:
    return command.main(list(arguments), standalone_mode=False)


def test_defaults_are_the_specs() -> None:
    assert call("a", "b", "--output", "o") == (Spec((Path("a"), Path("b")), Path("o")), False)


def test_every_option_arrives() -> None:
    spec, as_json = call(
        *("a", "--output", "o", "--profile", "strict", "--retain", "uids", "--retain", "dates"),
        *(
            "--date-shift",
            "-7..-3",
            "--key-file",
            "k",
            "--workers",
            "3",
            "--share",
            "1",
            "--no-verify",
            "--json",
        ),
    )
    assert spec == Spec(
        (Path("a"),), Path("o"), "strict", ("uids", "dates"), (-7, -3), Path("k"), 3, 1.0, verify=False
    )
    assert as_json


@pytest.mark.parametrize(
    "arguments",
    [
        ["--output", "o"],
        ["a"],
        ["a", "--output", "o", "--profile", "lax"],
        ["a", "--output", "o", "--retain", "names"],
        ["a", "--output", "o", "--date-shift", "5..1"],
        ["a", "--output", "o", "--date-shift", "x"],
        ["a", "--output", "o", "--workers", "0"],
        ["a", "--output", "o", "--share", "1.5"],
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(arguments: list[str]) -> None:
    with pytest.raises(click.UsageError):
        call(*arguments)


def test_the_specs_own_validation_is_heard() -> None:
    with pytest.raises(UsageError, match="dry run"):
        call("a", "--output", "o", "--dry-run", "--key-file", "k")


def test_the_help_page_shows_texts_choices_and_defaults() -> None:
    page = CliRunner().invoke(command, ["--help"]).output
    for text in (
        "SOURCE...",
        "--output DIR",
        "--profile [basic|strict]",
        "[default: basic]",
        "MIN..MAX",
        "--verify / --no-verify",
        "--dry-run ",
        "1<=x<=64",
    ):
        assert text in page
    assert "unseen" not in page


def test_values_from_the_settings_file_are_converted_too() -> None:
    spec, _ = command.main(
        ["a"],
        standalone_mode=False,
        default_map={"output": "o", "retain": ["uids"], "workers": 5, "date_shift": "1..2"},
    )
    assert spec == Spec((Path("a"),), Path("o"), retain=("uids",), workers=5, date_shift=(1, 2))
