"""What can go wrong, and the exit code that each kind of trouble has.

This module knows the sentences' shape (a message, and a hint that names the next action) and the exit codes of the
command line. It refuses to know who prints them: that is ``medcli.cli`` alone. Two trees live here. A
:class:`MedcliError` ends the command. An :class:`ItemError` is raised by a worker for one item, never ends the
command, and carries no free text at all, because whatever it carried would reach a ledger.
"""

from __future__ import annotations

from typing import ClassVar


class MedcliError(Exception):
    """A trouble that ends the command and that a user can read.

    Parameters
    ----------
    message : str
        One sentence. It must not quote values, names of files or anything else that can hold a patient's identity,
        unless the user has just typed it.
    hint : str
        What to do next; may be empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(hint)  # for a traceback in somebody's script

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes with the hint."""
        return _rebuild, (type(self), self.message, self.hint)


def _rebuild(cls: type[MedcliError], message: str, hint: str) -> MedcliError:
    error = cls.__new__(cls)
    MedcliError.__init__(error, message, hint=hint)
    return error


class UsageError(MedcliError):
    """The command line, a Spec or medcli.toml asks for something that cannot be meant."""

    exit_code = 2


class SetupError(MedcliError):
    """Something outside the input is missing or in the way: an extra, a key, a model, disk space, another run."""

    exit_code = 3


class MissingExtra(SetupError):
    """An optional part of medcli is not installed.

    Parameters
    ----------
    extra : str
        The extra's name in pyproject.toml, as ``ocr``.
    purpose : str
        What needs it, as "reading burned-in text".
    """

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose[:1].upper()}{purpose[1:]} needs the extra '{extra}', which is not installed.",
            hint=f"pip install 'medcli[{extra}]'",
        )


class InputError(MedcliError):
    """The input as a whole cannot be used: nothing there, no rights, an unreadable table."""

    exit_code = 4


class ItemsFailed(MedcliError):
    """The run ended, and some items failed."""

    exit_code = 5


class SafetyRefused(MedcliError):
    """A safety gate refused: identity is still found, or a detector failed."""

    exit_code = 6


class Interrupted(MedcliError):
    """The user stopped the command; the same command goes on from there."""

    exit_code = 130


class ItemError(Exception):
    """One item could not be done.

    Parameters
    ----------
    kind : str
        A reason code in kebab-case, from the program's own vocabulary; counted in the Report.
    stops : bool
        Whether the same kind many times in a row means that no other item will fare better (a wrong key, a full
        disk), so that the run should stop.
    """

    def __init__(self, kind: str, *, stops: bool = False) -> None:
        super().__init__(kind)
        self.kind = kind
        self.stops = stops


class ItemFailed(ItemError):
    """The item will fail however often it is tried."""


class Postponed(ItemError):
    """The item can only be done when all others are: it is handed out once more then, to the job's last worker."""

    def __init__(self) -> None:
        super().__init__("postponed")


class Transient(ItemError):
    """Trying the item again later can help.

    Parameters
    ----------
    kind : str
        The reason code that stands in the ledger if the last attempt fails too.
    retry_after : float or None
        Seconds that the other side asked to wait, as in HTTP's Retry-After.
    stops : bool
        As in :class:`ItemError`.
    """

    def __init__(
        self, kind: str = "transient", *, retry_after: float | None = None, stops: bool = False
    ) -> None:
        super().__init__(kind, stops=stops)
        self.retry_after = retry_after
