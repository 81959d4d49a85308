"""What a worker has to tell the person at the terminal, left in the run's folder, which both of them see.

A worker may be a thread of the command's or a process on another machine; either way its sentences are read from here.
They are medcli's own and quote nothing. Knows files; refuses to know what is asked.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medcli import errors, files
from medcli.errors import MedcliError, SetupError
from medcli.models.spending import BudgetSpent

__all__ = ["Words"]

_FILE = "words.json"
_TROUBLES: dict[str, type[MedcliError]] = {
    one.__name__: one
    for one in (BudgetSpent, SetupError, errors.UsageError, errors.InputError, errors.SafetyRefused)
}


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences of one round's worker.

    Attributes
    ----------
    folder : Path
        The run's.
    """

    folder: Path

    def clear(self) -> None:
        """Forget what an earlier round left."""
        (self.folder / _FILE).unlink(missing_ok=True)

    def check(self, images: Path | None) -> None:
        """Refuse to work where the run's folder or the pictures are not: spending and rejections stay for good.

        Raises
        ------
        SetupError
            With the option's name.
        """
        for name, folder in (("--state", self.folder), ("--images", images)):
            if folder is not None and not folder.is_dir():
                raise SetupError(
                    f"A node of the cluster does not see the folder of {name}.",
                    hint="Put it on a disk that all nodes share, under the same path.",
                )

    def stop(self, error: MedcliError) -> None:
        """Leave what ends the run."""
        kind = next((name for name, one in _TROUBLES.items() if isinstance(error, one)), "")
        self._write({"kind": kind, "message": error.message, "hint": error.hint})

    def leave(self, notes: Sequence[str]) -> None:
        """Leave sentences that end nothing."""
        self._write({"notes": list(notes)})

    def trouble(self) -> MedcliError | None:
        """What ended the run, if something did."""
        told = self._read()
        if "message" not in told:
            return None
        return _TROUBLES.get(str(told["kind"]), MedcliError)(str(told["message"]), hint=str(told["hint"]))

    def notes(self) -> list[str]:
        """The sentences that ended nothing."""
        found = self._read().get("notes")
        return [str(one) for one in found] if isinstance(found, list) else []

    def _write(self, more: dict[str, object]) -> None:
        with contextlib.suppress(OSError):  # a full disk has been told by then
            files.write(self.folder / _FILE, json.dumps(self._read() | more), mode=0o600)

    def _read(self) -> dict[str, object]:
        try:
            told = json.loads((self.folder / _FILE).read_bytes())
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}
