"""What goes to which stream, and how."""

from __future__ import annotations

import io
import json
import logging
import sys
import warnings

import pytest

from medcli import console


def test_the_product_goes_to_stdout_and_the_rest_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    console.out("product")
    console.document({"a": "ü"})
    console.note("a word")
    console.error("It is wrong.", "Mend it.")
    console.error("It is wrong.")
    out, err = capsys.readouterr()
    assert out.startswith("product\n")
    assert json.loads(out.removeprefix("product\n")) == {"a": "ü"}
    assert err == "a word\nError: It is wrong.\nHint: Mend it.\nError: It is wrong.\n"


def test_what_the_terminal_cannot_show_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    console.out("M\u00fcller \udcff")
    assert raw.getvalue() == b"M\\xfcller \\udcff\n"


def test_a_terminal_is_shown_control_characters_and_a_file_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "It is \x1b[2J\x9b1mlarge.\r\x07\n\tYes."
    for terminal, shown in ((False, said), (True, "It is \\x1b[2J\\x9b1mlarge.\\x0d\\x07\n\tYes.")):
        stream = io.StringIO(newline="")
        stream.isatty = lambda terminal=terminal: terminal  # type: ignore[method-assign]
        monkeypatch.setattr(sys, "stdout", stream)
        console.piece(said)
        assert stream.getvalue() == shown


def test_a_table_is_as_wide_as_needed_with_numbers_to_the_right() -> None:
    assert console.table([]) == ""
    assert console.table([("done", "1,001"), ("failed", "2")]) == "done    1,001\nfailed      2"
    assert console.table([("a", "-1.5")], header=("name", "value")).split("\n") == [
        "name  value",
        "----  -----",
        "a      -1.5",
    ]


def test_a_bar_shows_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with console.Bar("Working") as bar:
        bar.update(3)
    assert stream.getvalue() == ""
    stream.isatty = lambda: True  # type: ignore[method-assign]
    with console.Bar("Working", unit="file", total=4) as bar:
        bar.update(4)
    assert "Working: 100%" in stream.getvalue()


def test_libraries_are_silenced_unless_debugging(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("a.library")
    logger.propagate = False
    monkeypatch.setattr(logging, "lastResort", logging.lastResort)
    with warnings.catch_warnings():
        console.silence()
        warnings.warn("Müller^Änne", stacklevel=1)
        logger.warning("Müller^Änne")
    assert capfd.readouterr().err == ""
    monkeypatch.setenv("MEDCLI_DEBUG", "1")
    assert console.debugging()
    with warnings.catch_warnings():
        console.silence()
        with pytest.warns(UserWarning, match="shown"):
            warnings.warn("shown", stacklevel=1)
