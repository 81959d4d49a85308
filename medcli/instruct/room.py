"""Folders of what will be written, made before anything is spent."""

from __future__ import annotations

from medcli.errors import SetupError, UsageError
from medcli.instruct.spec import InstructSpec
from medcli.jobs.ledger import FILE as LEDGER

_BESIDE = ("provenance", "rejected", "questions")


def make_room(spec: InstructSpec) -> None:
    """Make the folders of --output, --report and --cache.

    Raises
    ------
    UsageError
        If one of them is a folder itself, or the input; or --output is there, and from another run.
    SetupError
        If a folder cannot be made.
    """
    inputs = [
        one.resolve() for one in (spec.captions, spec.check_only, spec.labels, spec.logic) if one is not None
    ]
    _check_ours(spec)
    for flag, path in (("--output", spec.output), ("--report", spec.report), ("--cache", spec.cache)):
        if path is None:
            continue
        if path.is_dir():
            raise UsageError(f"{flag} is a folder.", hint="Name a file.")
        beside = [spec.beside(one).resolve() for one in _BESIDE] if flag == "--output" else []
        if {path.resolve(), *beside} & {*inputs}:
            raise UsageError(
                f"{flag} is, or has beside it, the input, which is never overwritten.",
                hint="Name another file.",
            )
        try:
            path.absolute().parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(
                f"The folder of {flag} cannot be made: {error.strerror}.", hint="Choose another."
            ) from error


def _check_ours(spec: InstructSpec) -> None:
    """Refuse to replace what another run, or somebody, wrote; what is made without a model can be made again."""
    if spec.mode != "generate" or spec.output is None or not spec.output.is_file() or spec.restart:
        return
    if (
        not (spec.run_folder / LEDGER).exists()
        and spec.output.resolve() != (spec.captions or spec.output).resolve()
    ):
        raise UsageError(
            "--output is there already, and not from this run.", hint="Choose another, or say --restart."
        )
