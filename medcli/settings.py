"""A Spec's fields, and where their values come from: flag > MEDCLI_* environment > medcli.toml > default.

A Spec is a frozen dataclass whose fields are made with :func:`option`: the only home of a command's defaults and help
texts. The command line is generated from it (``medcli.commands.options``); here nothing is known of Click. Secrets
come from the environment or from a file that the environment names, never from medcli.toml or a flag.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from pathlib import Path, PurePath
from typing import Any

from medcli.errors import SetupError, UsageError

CONFIG_FILE = "medcli.toml"
CONFIG_VARIABLE = "MEDCLI_CONFIG"


@dataclass(frozen=True, slots=True)
class Option:
    """What the command line must know of a Spec's field beyond its type and default.

    Attributes
    ----------
    help : str
        One or two sentences; the only copy of the help text.
    choices : tuple of str
        The values it may have; empty for any.
    metavar : str
        How the value is called in the help page, as ``MIN..MAX``.
    positional : bool
        An argument rather than an option.
    parse : callable or None
        Makes the value from the text on the command line; may raise ValueError.
    minimum, maximum : int or float or None
        Inclusive bounds of a number.
    shapes_product : bool
        Whether another value means another product, so that it belongs to the fingerprint. False for how a run is
        driven: workers, progress.
    only_typed : bool
        Whether it says what this one call is for, so that neither the environment nor medcli.toml may say it.
    urls : bool
        Whether a path can be a URL; see :mod:`medcli.storage`.
    """

    help: str
    choices: tuple[str, ...] = ()
    metavar: str = ""
    positional: bool = False
    parse: Callable[[str], Any] | None = None
    minimum: float | None = None
    maximum: float | None = None
    shapes_product: bool = True
    only_typed: bool = False
    urls: bool = False


def option(
    help: str,  # noqa: A002 - the word that Click and argparse use
    *,
    default: Any = MISSING,
    choices: tuple[str, ...] = (),
    metavar: str = "",
    positional: bool = False,
    parse: Callable[[str], Any] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    shapes_product: bool = True,
    only_typed: bool = False,
    urls: bool = False,
) -> Any:
    """Make a Spec's field; without a default it is required. The parameters are :class:`Option`'s attributes."""
    about = Option(
        help, tuple(choices), metavar, positional, parse, minimum, maximum, shapes_product, only_typed, urls
    )
    return field(default=default, metadata={"option": about})


def options_of(spec: Any) -> dict[str, Option]:
    """Field names and their options, in order, of a Spec or its class; fields without an option are left out."""
    return {f.name: f.metadata["option"] for f in fields(spec) if "option" in f.metadata}


def fingerprint(spec: Any) -> dict[str, object]:
    """JSON-able values of the fields that shape the product, under their names on the command line."""
    return {
        name.replace("_", "-"): _plain(getattr(spec, name))
        for name, about in options_of(spec).items()
        if about.shapes_product
    }


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(one) for one in value), key=str)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, PurePath):
        return os.path.abspath(value)
    return value


def load(folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """Read medcli.toml: one table a command, keys as on the command line.

    Parameters
    ----------
    folder : Path, optional
        Where to look; the working folder if none. The file that MEDCLI_CONFIG names comes first.

    Returns
    -------
    dict
        Command name to parameter name (with underscores) to value: what Click calls a default map.

    Raises
    ------
    UsageError
        If the file cannot be read or holds something other than tables.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    path = Path(named) if named else (folder or Path()) / CONFIG_FILE
    if not named and not path.is_file():
        return {}
    import tomllib

    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"The settings file cannot be read: {error.strerror}.", hint=f"Look at {path}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The settings file is not valid TOML ({error}).", hint=f"Look at {path}") from error
    for command, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(
                f"The settings file has '{command}' outside a table.",
                hint="Put each setting under its command, as in: [scrub]",
            )
    return {command: _underscored(table) for command, table in tables.items()}


def _underscored(table: Mapping[str, Any]) -> dict[str, Any]:
    """Keys as Click spells them; a command of a group has a table within the group's."""
    return {
        key.replace("-", "_"): _underscored(value) if isinstance(value, dict) else value
        for key, value in table.items()
    }


class Secret(str):
    """A text that does not show itself by accident: ``repr`` and formatting give stars, ``reveal`` the text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def reveal(self) -> str:
        """Return the text itself, for the one place that needs it."""
        return str.__str__(self)


def secret(name: str, purpose: str) -> Secret:
    """Find a secret in the environment variable NAME, or in the file that NAME_FILE names.

    Parameters
    ----------
    name : str
        As ``MEDCLI_API_KEY``.
    purpose : str
        What needs it, for the message: "the endpoint".

    Raises
    ------
    SetupError
        If there is none, or the file cannot be read.
    """
    value = os.environ.get(name, "")
    if not value and (path := os.environ.get(f"{name}_FILE")):
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(
                f"The file that {name}_FILE names cannot be read.", hint="Check its path and its rights."
            ) from error
    if not value:
        raise SetupError(
            f"No {name} is set, and {purpose} needs it.",
            hint=f"Set {name}, or {name}_FILE to a file that holds it.",
        )
    return Secret(value)


_TRAVELLING = re.compile(
    r"(MEDCLI_\w*KEY|OPENAI_API_KEY|NCBI_API_KEY|HF_TOKEN|HUGGING_FACE_HUB_TOKEN|HF_ENDPOINT|HF_HUB_OFFLINE"
    r"|AWS_\w+|AZURE_\w+|GOOGLE_\w+|FSSPEC_\w+|(?i:https?|all|no)_(?i:proxy))"
)


def travelling() -> dict[str, str]:
    """Variables that a worker on another machine needs as they are here: secrets, addresses and proxies.

    A file that ``MEDCLI_..._KEY_FILE`` names is read, for the other machine may not have it.
    """
    found = {name: value for name, value in os.environ.items() if _TRAVELLING.fullmatch(name)}
    for name in [name for name in os.environ if name.startswith("MEDCLI_") and name.endswith("_KEY_FILE")]:
        plain = name.removesuffix("_FILE")
        if not found.get(plain) and os.environ[name]:
            found[plain] = secret(plain, "a worker").reveal()
    return found
