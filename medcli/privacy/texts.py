"""The texts of a release: one text file into the staging folder, its place, its row.

Knows what the worker hands on and what the catalogue needs. Refuses to know any format.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from medcli.jobs.model import State
from medcli.privacy.dicom.pseudonyms import Pseudonyms
from medcli.privacy.text.replace_policy import TextPolicy
from medcli.privacy.text.scrubber import ScrubbedText, TextScrubber

if TYPE_CHECKING:
    from medcli.jobs import Row

__all__ = ["FOLDER", "Texts"]

#: Folder of a release for texts, which belong to no study.
FOLDER = "texts"
#: How names of released texts may end: their own endings say what they are.
_ENDINGS = frozenset(
    (".txt", ".text", ".md", ".markdown", ".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".xml")
)


_KINDS: dict[str, tuple[State, str]] = {
    "released": ("done", "released"),
    "ignored": ("skipped", "ignored"),
}


class Texts:
    """Cleans texts in one process.

    Parameters
    ----------
    policy
        The run's, for texts.
    names
        Its pseudonyms.
    identities
        The file that says who the patients of the batch are, or None.
    """

    def __init__(self, policy: TextPolicy, names: Pseudonyms, identities: str | None) -> None:
        self._policy, self._names = policy, names
        self._scrubber = TextScrubber(policy, names, identities)

    def close(self) -> None:
        """Close what is open from text to text."""
        self._scrubber.close()

    def look(self, source: bytes | Path | str, name: str) -> ScrubbedText | None:
        """What can be said of a file without its content; None where it is a text that is to be cleaned."""
        return self._scrubber.look(source, name)

    def scrub(self, source: bytes | Path | str, target: str | None, name: str) -> ScrubbedText:
        """Clean one file.

        Raises
        ------
        OSError
            Where `target` can't be written.
        """
        result = self._scrubber.look(source, name)
        if result is not None:
            return result
        if self._policy.keep_names and self._scrubber.names_somebody(name):
            return ScrubbedText("withheld", "name-identifies")
        return self._scrubber.scrub(source, target, name)

    def place(self, layout: str, mirror: str, name: str, suffix: str) -> str:
        """Where a text goes in the release."""
        if self._policy.keep_names and _writable(name):
            parts = (part.replace("\0", "-") for part in name.replace("\\", "/").split("/"))
            return "/".join((FOLDER, *(part for part in parts if part not in ("", "."))))
        ending = Path(name).suffix.lower()
        return (
            f"{'' if layout == 'mirror' else FOLDER + '/'}{mirror}{ending if ending in _ENDINGS else suffix}"
        )

    def told(self, key: str, item: str, mirror: str, result: ScrubbedText, place: str) -> Row:
        """The row of a text; see :func:`medcli.privacy.worker.told`."""
        from medcli.privacy.worker import threefold

        head = {"item": item, "mirror": mirror, "reason": result.reason, "route": "text"}
        if result.status == "released":
            digest = self._names.digest("content", mirror.encode() + result.digest).hex()[:32]
            head |= {"instance": digest, "content": digest, "sha256": result.sha256, "own": place}
        sized = cast("dict[str, object]", head) | {"size": result.size}
        facts = {
            name: value
            for name in ("format", "records", "attribute", "notes")
            if (value := getattr(result, name))
        }
        outcome = _KINDS.get(result.status, ("failed", result.reason))
        told = facts | {"route": "text"} if result.status != "ignored" else {}
        return threefold(key, outcome, sized, told, actions=result.actions, size=result.size)


def _writable(name: str) -> bool:
    """Whether a name is in UTF-8 and short enough to be written anywhere."""
    try:
        return all(len(part.encode()) <= 255 for part in name.split("/"))
    except UnicodeEncodeError:
        return False
