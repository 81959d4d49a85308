"""The command line: a table of commands, loaded on use, and the one place where errors become sentences and codes.

Refuses to know what a command does. No command catches errors itself; :func:`main` does, once.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from medcli import __version__, console, settings
from medcli.errors import Interrupted, MedcliError, SetupError, UsageError

COMMANDS = {
    "scrub": (
        "medcli.commands.scrub",
        "De-identify DICOM files by PS3.15 Annex E, and texts: JSON, JSON lines, tables, XML, plain text.",
    ),
    "download": (
        "medcli.commands.download",
        "Fetch figures and articles of PubMed Central, and public datasets.",
    ),
    "generate-instruct": (
        "medcli.commands.generate_instruct",
        "Make instruction conversations from figure captions, through any OpenAI-compatible server.",
    ),
    "ask": ("medcli.commands.ask", "Ask a medical vision-language model, once or a file of questions."),
    "merge": (
        "medcli.commands.merge",
        "Join the shards of one run of scrub, ask, download or generate-instruct.",
    ),
    "evaluate": ("medcli.commands.evaluate", "Score answers against references, with intervals."),
}
"""Name to the module that holds the command under that name, and the line that ``medcli --help`` shows for it."""

_DISK_FULL = (28, 122)  # ENOSPC, EDQUOT
_TOO_MANY = (23, 24)  # ENFILE, EMFILE


class Commands(click.Group):
    """A group that imports a command's module when the command is asked for, and not to list it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's signature
        """Name the commands in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and hold medcli.toml's table for it against its parameters."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and command is not None and not ctx.resilient_parsing:
            _check_settings(name, command, ctx.default_map or {})
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """List the commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _check_settings(name: str, command: click.Command, tables: Mapping[str, Any]) -> None:
    """Refuse what nobody would read: a default that was meant to make a release stricter must not be lost.

    Raises
    ------
    UsageError
        For a table of no command, a setting or variable that this command does not have, or one that has to be typed.
    """
    if strange := sorted(set(tables) - set(COMMANDS)):
        raise UsageError(
            f"The settings file has a table of no command: [{strange[0]}].",
            hint=f"The tables are: {', '.join(f'[{one}]' for one in COMMANDS)}",
        )
    params = list(_parameters(command))
    known = {f"{under}{param.name}" for under, param in params if getattr(param, "allow_from_autoenv", False)}
    typed = {
        under + word.lstrip("-").replace("-", "_")
        for under, param in params
        if f"{under}{param.name}" not in known
        for word in (*param.opts, param.name or "")
    }
    prefix = f"MEDCLI_{name.replace('-', '_').upper()}_"
    variables = [one.removeprefix(prefix).lower() for one in os.environ if one.startswith(prefix)]
    for where, keys in (
        (f"The settings file has in [{name}]", _flat(tables.get(name, {}))),
        (f"The environment has under {prefix}", variables),
    ):
        unknown = sorted(key for key in keys if key not in known)
        if not unknown:
            continue
        names = ", ".join(key.replace("_", "-") for key in unknown)
        if typed.issuperset(unknown):
            raise UsageError(
                f"{where} what only the command line may say: {names}.", hint="Remove it there, and type it."
            )
        raise UsageError(
            f"{where} what {name} does not know: {names}.",
            hint=f"medcli {name} --help lists the settings.",
        )


def _parameters(command: click.Command) -> Iterator[tuple[str, click.Parameter]]:
    """A command's parameters; those of a command of a group have its name in front: ``images_``."""
    for param in command.params:
        yield "", param
    for name, inner in command.commands.items() if isinstance(command, click.Group) else ():
        for param in inner.params:
            yield f"{name.replace('-', '_')}_", param


def _flat(table: Mapping[str, Any]) -> list[str]:
    """The keys of a command's table; those of a table within it have its name in front."""
    return [
        key if inner is None else f"{key}_{inner}"
        for key, value in table.items()
        for inner in (value if isinstance(value, Mapping) else (None,))
    ]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="medcli")
def medcli() -> None:
    """Prepare medical image-text data, and ask medical models about it.

    No identity of a patient leaves the machine on the way.

    Options can also stand in the environment (MEDCLI_SCRUB_WORKERS) or in medcli.toml in the working folder ([scrub]
    workers = 4); a flag goes before the environment, the environment before the file. What a call is for (SOURCE,
    --verify, --source, --explain, --dry-run, --restart) and --json have to be typed.
    """


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code.

    Parameters
    ----------
    args : sequence of str, optional
        The arguments; those of the process if none.
    """
    try:
        with warnings.catch_warnings():
            console.keep_standard_files()
            console.silence()
            result = medcli.main(
                args,
                prog_name="medcli",
                standalone_mode=False,
                auto_envvar_prefix="MEDCLI",
                default_map=settings.load(),
            )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _tell(Interrupted("Interrupted.", hint="The same command goes on from here."))
    except MedcliError as error:
        return _tell(error)
    except Exception as error:  # noqa: BLE001 - the boundary
        return _unexpected(error)
    return result if isinstance(result, int) else 0


def _tell(error: MedcliError) -> int:
    if console.debugging():
        _debug()
    console.error(error.message, error.hint)
    return error.exit_code


def _unexpected(error: Exception) -> int:
    """Tell of an error that nobody foresaw, by its class and place: its text can quote a patient's values."""
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return _tell(SetupError("The disk is full.", hint="Make room; the same command goes on from here."))
    if isinstance(error, OSError) and error.errno in _TOO_MANY:
        return _tell(
            SetupError(
                "Too many files are open.", hint="Allow more (ulimit -n 1024), or use fewer --workers."
            )
        )
    if console.debugging():
        _debug()
        return MedcliError.exit_code
    here = Path(__file__).parent
    places = [
        f"{Path(frame.filename).relative_to(here.parent).as_posix()}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(here)
    ]
    console.error(
        f"A mistake in medcli, or something it did not foresee: {type(error).__name__}.",
        "Please report it with the lines below. MEDCLI_DEBUG=1 shows everything, patients' values perhaps included.",
    )
    for place in places:
        console.note(f"  {place}")
    return MedcliError.exit_code


def _debug() -> None:
    console.note("MEDCLI_DEBUG is set. What follows may hold patients' values: do not pass it on unread.")
    console.note(traceback.format_exc())


if __name__ == "__main__":
    sys.exit(main())
