"""Search a release for the identities of the source it was made from.

Each file of the source is de-identified once more, into nothing, for that tells which values had to go; then the file
that was released for it is searched for them as on the day it was written. Refuses to write and to quote a value.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from medcli.errors import ItemFailed
from medcli.jobs import Row
from medcli.privacy.dicom import proof
from medcli.privacy.dicom.scrubber import Scrubbed, Scrubber
from medcli.privacy.dicom.write import Written
from medcli.privacy.policy import CLEAN, Policy
from medcli.privacy.sources import Sources, item_key
from medcli.privacy.text.scrubber import ScrubbedText
from medcli.privacy.texts import Texts
from medcli.privacy.worker import ScrubWorkers, Worker, refused

if TYPE_CHECKING:
    from medcli.privacy.dicom.encoding import Frame
    from medcli.privacy.dicom.pseudonyms import Pseudonyms
    from medcli.privacy.dicom.rewrite import Rewriter
    from medcli.privacy.dicom.segments import Segment

__all__ = ["prove"]


class Prover(Scrubber):
    """A scrubber that, instead of writing its result, examines the file that was released for it.

    Parameters
    ----------
    policy, key
        Those of the release.
    root
        The release.
    instances
        New SOP Instance UID -> path in the release.
    """

    def __init__(self, policy: Policy, key: bytes, root: Path, instances: Mapping[str, str]) -> None:
        super().__init__(policy, key)
        self._root = root
        self._instances = instances

    def _write(
        self,
        result: Scrubbed,
        rewriter: Rewriter,
        segments: list[Segment],  # noqa: ARG002 - what would be written is not needed
        frame: Frame,
        target: Path | str | None,  # noqa: ARG002 - nothing is written
    ) -> Written | None:
        path = self._instances.get(result.instance)
        if path is None:
            result.reason = "not-released"
            return None
        place = self._root / path
        # Pixels that were cleaned differ from the source's; that they do so under the boxes only was proved then.
        untouched = CLEAN["pixel-data"] not in _codes(place)
        stored = Written(place, "", place.stat().st_size, None)
        hit = proof.examine(stored, rewriter, frame, pixels=untouched)
        result.status = "released" if hit is None else "withheld"
        result.reason, result.attribute, result.place = hit or ("", "", "")
        result.notes = (path,)
        return None


def _codes(path: Path) -> list[str]:
    """What the file says was done: codes of (0012,0064)."""
    from pydicom import dcmread

    header = dcmread(path, stop_before_pixels=True, specific_tags=["DeidentificationMethodCodeSequence"])
    return [str(item.get("CodeValue", "")) for item in header.get("DeidentificationMethodCodeSequence") or []]


class ProvingWorker(Worker):
    """A worker that leaves pictures alone: nothing in a release says which picture one was made from."""

    def _picture(
        self,
        key: str,
        item: str,
        source: bytes | Path | str,  # noqa: ARG002 - see above
        *,
        target: str | None,  # noqa: ARG002
        mirror: str,
    ) -> Row:
        return refused(key, item, mirror, "plain-image", ignored=True)


class TextProver(Texts):
    """Cleans a text once more, into nothing, and searches what was released for it.

    Parameters
    ----------
    policy, names
        Those of the release.
    root
        The release.
    released
        Paths of its texts.
    """

    def __init__(self, policy: Policy, names: Pseudonyms, root: Path, released: Collection[str]) -> None:
        super().__init__(policy.text, names, None)
        self._root, self._released = root, released
        self._source: tuple[bytes | Path | str, str] = (b"", "")

    def scrub(self, source: bytes | Path | str, target: str | None, name: str) -> ScrubbedText:  # noqa: ARG002
        """Remember the source: where its release lies is known later."""
        self._source = (source, name)
        return self.look(source, name) or ScrubbedText("withheld", suffix=self._scrubber.suffix(source, name))

    def told(self, key: str, item: str, mirror: str, result: ScrubbedText, place: str) -> Row:
        """The row, with what was found in the text that was released."""
        if place in self._released and result.status != "ignored":
            result.reason = self._scrubber.left(*self._source, self._root / place)
            result.status, result.notes = "withheld" if result.reason else "released", (place,)
        return super().told(key, item, mirror, result, place)


def prove(
    source: Path,
    root: Path,
    policy: Policy,
    key: bytes,
    *,
    instances: Mapping[str, str],
    texts: Collection[str] = (),
    layout: str = "study",
    found: Callable[[str, str, str], None],
) -> int:
    """Compare every file of `source` with what was released for it.

    Parameters
    ----------
    source, root
        Folder of the input, folder of the release.
    policy, key
        Those of the release.
    instances
        New SOP Instance UID -> path in the release.
    texts
        Paths of released texts.
    layout
        As of the release.
    found
        Called with (kind, path in the release, attribute) for each finding.

    Returns
    -------
    int
        How many released files were compared.
    """
    sources = Sources((source,))
    hashing, compared = hmac.digest(key, b"item", "sha256"), set()
    released = {*instances.values(), *texts}
    with TemporaryDirectory(prefix="medcli-") as spool:
        plan = ScrubWorkers(
            policy, key, sources.roots, sources.labels, spool, None, None, crosswalk=False, layout=layout
        )
        prover = Prover(policy, key, root, instances)
        worker = ProvingWorker(plan, prover, TextProver(policy, prover.names, root, texts))
        for row in _rows(worker, sources, hashing):
            _, _, facts = row.value.partition(b"\n")
            known = json.loads(facts.partition(b"\n")[0]) if facts else {}
            # Other notes are words about the source.
            for path in released.intersection(known.get("notes", ())):
                compared.add(path)
                if row.state == "failed":
                    found(row.kind, path, known.get("attribute", ""))
    return len(compared)


def _rows(worker: Worker, sources: Sources, hashing: bytes) -> Iterator[Row]:
    """The rows of every file; of an archive that changes meanwhile as far as they come."""
    for one in sources:
        with suppress(ItemFailed):
            yield from worker((item_key(hashing, sources.roots[one.root], one), tuple(one)))
