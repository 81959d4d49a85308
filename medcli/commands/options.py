"""Click parameters generated from a Spec, so that the two cannot drift apart.

Knows how a field's type becomes an option; refuses to know any command. Put :func:`from_spec` on a command's
function, which is then called with the finished Spec as its first argument.

>>> @click.command()
... @from_spec(ScrubSpec)
... @click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
... def scrub(spec: ScrubSpec, as_json: bool) -> int: ...
"""

from __future__ import annotations

import functools
import os
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import click

from medcli import console, storage
from medcli.settings import Option

S = TypeVar("S")


def from_spec(cls: type[S]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a Click command one parameter for each of a Spec's fields, and the function the Spec made of them.

    A field ``date_shift`` becomes ``--date-shift``; a ``bool`` a pair ``--x/--no-x`` if its default is true and a
    flag otherwise; a tuple an option that can be repeated; a positional tuple an argument of one or more values.
    """
    hints = get_type_hints(cls)
    described = [f for f in fields(cls) if "option" in f.metadata]  # type: ignore[arg-type]

    # How many workers there are, and how much is said, changes nothing that lasts.
    telling = [
        f.name for f in described if f.metadata["option"].shapes_product or _element(hints[f.name])[0] is Path
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(**values: Any) -> Any:
            own = {f.name: values.pop(f.name) for f in described}
            silent = _not_meant(cls, own)
            own |= {f.name: f.default for f in described if f.name in silent}
            _tell_sources([name for name in telling if name not in silent])
            return function(cls(**own), **values)

        command: Callable[..., Any] = call
        for f in reversed(described):
            command = _parameter(f, hints[f.name])(command)
        return command

    return decorate


def _not_meant(cls: type[Any], values: Mapping[str, Any]) -> set[str]:
    """Defaults of the environment and the settings file that say nothing to what was typed.

    A Spec that has several modes names them by a function ``idle`` of its values; what was typed is never among them.
    """
    context = click.get_current_context(silent=True)
    idle = getattr(cls, "idle", None)
    if context is None or idle is None:
        return set()
    sources = click.core.ParameterSource
    elsewhere = (sources.ENVIRONMENT, sources.DEFAULT_MAP)
    return {name for name in idle(values) if context.get_parameter_source(name) in elsewhere}


def _tell_sources(names: list[str]) -> None:
    """Name the options that no flag of this command line set, but a file or variable that may be forgotten."""
    context = click.get_current_context(silent=True)
    sources = click.core.ParameterSource
    for source, where in (
        (sources.ENVIRONMENT, "the environment"),
        (sources.DEFAULT_MAP, "the settings file"),
    ):
        own = [name for name in names if context and context.get_parameter_source(name) is source]
        if own:
            console.note(f"Set by {where}: {', '.join(name.replace('_', '-') for name in own)}.")


def _parameter(f: Field[Any], hint: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    about: Option = f.metadata["option"]
    inner, many = _element(hint)
    required = f.default is MISSING
    settings: dict[str, Any] = {"type": _click_type(inner, about), "required": required}
    settings |= {} if required else {"default": f.default}
    settings |= {"metavar": about.metavar} if about.metavar else {}
    if about.positional:
        if not required:
            settings["metavar"] = f"[{about.metavar or f.name.upper()}]"
        return click.argument(f.name, nargs=-1 if many else 1, **settings)
    flag = "--" + f.name.replace("_", "-")
    if inner is bool:
        names = (f"{flag}/--no-{flag[2:]}" if f.default is True else flag, f.name)
        return click.option(
            *names, is_flag=True, default=f.default, help=about.help, allow_from_autoenv=not about.only_typed
        )
    shown = f.default not in (None, (), "", MISSING)
    return click.option(
        flag,
        f.name,
        cls=_Option,
        multiple=many,
        show_default=shown,
        help=about.help,
        allow_from_autoenv=not about.only_typed,
        **settings,
    )


def _element(hint: Any) -> tuple[Any, bool]:
    """Return the type of one value, and whether there can be many: ``tuple[str, ...]`` gives ``(str, True)``."""
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(one for one in get_args(hint) if one is not type(None))
    if get_origin(hint) in (tuple, frozenset, list) and (get_args(hint)[1:] in ((), (Ellipsis,))):
        return _element(get_args(hint)[0])[0], True
    return hint, False


def _click_type(inner: Any, about: Option) -> click.ParamType[Any]:
    if about.parse is not None:
        return _Parsed(about.parse, about.metavar)
    if about.choices:
        return click.Choice(about.choices)
    if inner is Path:
        return _Path(urls=about.urls)
    if inner is int and (about.minimum, about.maximum) != (None, None):
        return click.IntRange(about.minimum, about.maximum)  # type: ignore[arg-type]
    if inner is float and (about.minimum, about.maximum) != (None, None):
        return click.FloatRange(about.minimum, about.maximum)
    kind: click.ParamType[Any] = click.types.convert_type(inner)
    return kind


class _Option(click.Option):
    """An option that says what it needs where the settings file gives one text for a list."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        if self.multiple and value is not None and not isinstance(value, list | tuple):
            shown = str(self.name).replace("_", "-")
            raise click.BadParameter(f'a list is needed, as in: {shown} = ["..."]', ctx=ctx, param=self)
        if (
            self.multiple
            and isinstance(self.type, click.Choice)
            and any("," in str(one) for one in value or ())
        ):
            flag = self.opts[0]
            raise click.BadParameter(
                f"give one value, and repeat it for more: {flag} A {flag} B", ctx=ctx, param=self
            )
        return super().type_cast_value(ctx, value)


class _Path(click.Path):
    """A path, or a URL where one is taken; the settings file can hold something else in its place."""

    def __init__(self, *, urls: bool) -> None:
        super().__init__(path_type=Path, readable=False)  # the domain says better what is wrong
        self.urls = urls

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str | os.PathLike):
            self.fail("a path is needed, in quotes", param, ctx)
        place = storage.given(value) if isinstance(value, str) else value
        if isinstance(place, storage.Url):
            return (
                place if self.urls else self.fail("a path of this machine is needed, not a URL", param, ctx)
            )
        value = place
        return super().convert(value, param, ctx)


class _Parsed(click.ParamType[Any]):
    """A value with a parser of its own, whose ValueError becomes a usage error."""

    def __init__(self, parse: Callable[[str], Any], metavar: str) -> None:
        self.parse = parse
        self.name = metavar or "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
