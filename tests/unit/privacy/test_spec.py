"""What may be asked for together, and that the command line asks for the same."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import medcli
from medcli.commands.scrub import scrub as command
from medcli.errors import UsageError
from medcli.privacy.policy import Policy
from medcli.privacy.spec import ScrubSpec
from medcli.settings import options_of


def spec(*sources: str, **options: Any) -> ScrubSpec:
    options.setdefault("output", Path("/data/release"))
    return ScrubSpec(tuple(map(Path, sources or ("/data/inbox",))), **options)


def test_the_command_has_the_specs_fields_and_json_and_no_other() -> None:
    assert {param.name for param in command.params} == {field.name for field in fields(ScrubSpec)} | {
        "as_json"
    }
    for param in command.params:
        if param.name != "as_json":
            about = options_of(ScrubSpec)[param.name]
            assert about.help
            assert param.default == getattr(ScrubSpec(explain="KVP"), param.name) or param.name == "explain"


def test_the_defaults_are_the_policys() -> None:
    assert spec().policy() == Policy()
    shifted = spec(retain=("modified-dates",), date_shift=(-10, 5)).policy()
    assert (shifted.date_shift, shifted.retain) == ((-10, 5), frozenset({"modified-dates"}))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"retain": ("full-dates", "modified-dates")}, "contradict"),
        ({"date_shift": (-10, 5)}, "means nothing without"),
        ({"date_shift": (-10, 5), "retain": ("full-dates",)}, "means nothing without"),
        ({"pixels": "off", "clean": ("pixel-data",)}, "contradict"),
        ({"fill": "noise"}, "only where pixels are cleaned"),
        ({"keep_text": ("technique",)}, "only where pixels are cleaned"),
        ({"fill": "blur", "pixels": "auto"}, "--fill is one of: solid, noise"),
        ({"keep_text": ("names",), "pixels": "auto"}, "--keep-text takes: technique"),
        ({"profile": "lax"}, "--profile is one of: basic, strict"),
        ({"retain": ("everything",)}, "--retain takes"),
        ({"layout": "flat"}, "--layout is one of"),
        ({"workers": 0}, "1 or more"),
        ({"restart": True, "retry_failed": True}, "says nothing beside"),
        ({"output": None}, "--output is missing"),
        ({"source": Path("/data/inbox")}, "--source goes with --verify"),
        ({"explain": "KVP"}, "do not go together"),
        ({"explain": "KVP", "verify": Path("/r")}, "two commands"),
        ({"verify": Path("/data/release")}, "do not go together"),
    ],
)
def test_contradictions_are_usage_errors(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        spec(**options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"verify": Path("/r"), "source": Path("/i")}, "needs --key-file"),
        ({"verify": Path("/r"), "key_file": Path("/k")}, "needs --key-file"),
        ({"verify": Path("/r"), "profile": "strict"}, "do not go together"),
        ({"verify": Path("/r"), "subjects": Path("/s")}, "only together with --source"),
        ({}, "Nothing to de-identify"),
    ],
)
def test_a_wish_without_sources_is_checked_too(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        ScrubSpec(**options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"output": 5}, "output is a path"),
        ({"output": "/r", "retain": 5}, "retain is a list"),
        ({"output": "/r", "retain": [["uids"]]}, "retain is a list"),
        ({"output": "/r", "outptu": "/x"}, "medcli.scrub has no option outptu"),
        ({"output": "/r", "sources": ["x"]}, "medcli.scrub has no option sources"),
        ({"output": "/r", "workers": "4"}, "--workers is a whole number"),
    ],
)
def test_what_python_hands_over_is_checked(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        medcli.scrub("/i", **options)


def test_help_in_python_names_every_option() -> None:
    named = set(inspect.signature(medcli.scrub).parameters)
    assert named == {field.name for field in fields(ScrubSpec)} | {"progress"}


@pytest.mark.parametrize("value", ["-100..-10", [-100, -10], (-100, -10)])
def test_a_date_shift_is_two_numbers_or_their_text(value: Any) -> None:
    assert spec(retain=("modified-dates",), date_shift=value).policy().date_shift == (-100, -10)


@pytest.mark.parametrize("value", ["-100", (-100,), 5, ["a", "b"], ["1", "2"], (5, 1), (0, 0), (True, 5), ()])
def test_any_other_date_shift_is_a_usage_error(value: Any) -> None:
    with pytest.raises(UsageError, match=r"--date-shift is MIN\.\.MAX"):
        spec(retain=("modified-dates",), date_shift=value)


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("/data", {}),
        ("/data/release", {}),
        ("/data/release/inbox", {}),
        ("/data/inbox", {"output": Path("/data/inbox/release")}),
        ("/data/inbox", {"output": Path("/data/inbox")}),
        ("/data/inbox", {"confidential": Path("/data/inbox/x")}),
        ("/data/inbox", {"confidential": Path("/data/release")}),
        ("/data/inbox", {"confidential": Path("/data/release/x")}),
        ("/data/inbox", {"confidential": Path("/data"), "output": Path("/data/release")}),
        ("/data/inbox", {"state": Path("/data/inbox/state")}),
        ("/data/inbox", {"state": Path("/data/release/state")}),
        ("/data/inbox", {"key_file": Path("/data/release/key")}),
        ("/data/release-confidential/x", {}),
    ],
)
def test_places_that_lie_inside_each_other_are_refused(source: str, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="inside"):
        spec(source, **options)


def test_a_neighbour_with_the_same_beginning_is_another_folder() -> None:
    assert spec("/data/release-old", "/data/releases").sources


def test_a_source_inside_a_source_is_refused() -> None:
    with pytest.raises(UsageError, match="inside another source"):
        spec("/data/inbox", "/data/inbox/a")
    with pytest.raises(UsageError, match="inside another source"):
        spec("/data/inbox", "/data/inbox")


def test_a_link_does_not_hide_that_two_places_are_one(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "inbox")
    with pytest.raises(UsageError, match="inside each other"):
        spec(str(tmp_path / "inbox"), output=tmp_path / "link" / "release")


def test_clean_pixel_data_and_pixels_auto_are_one_wish() -> None:
    assert spec(clean=("pixel-data",)).pixels == "auto"
    assert spec(clean=("pixel-data",), pixels="all").pixels == "all"
    assert spec(pixels="auto").clean == ("pixel-data",)
    assert spec(pixels="auto").policy().clean == frozenset()
