"""Search a release for the identities of the source it was made from.

Each file of the source is de-identified once more, into nothing, for that tells which values had to go; then the file
that was released for it is searched for them as on the day it was written. Refuses to write and to quote a value.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator, Mapping
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
from medcli.privacy.worker import ScrubWorkers, Worker

if TYPE_CHECKING:
    from medcli.privacy.dicom.encoding import Frame
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


def prove(
    source: Path,
    root: Path,
    policy: Policy,
    key: bytes,
    *,
    instances: Mapping[str, str],
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
    found
        Called with (kind, path in the release, attribute) for each finding.

    Returns
    -------
    int
        How many released files were compared.
    """
    sources, released = Sources((source,)), set(instances.values())
    hashing, compared = hmac.digest(key, b"item", "sha256"), set()
    with TemporaryDirectory(prefix="medcli-") as spool:
        plan = ScrubWorkers(policy, key, sources.roots, sources.labels, spool, None, None, crosswalk=False)
        worker = Worker(plan, Prover(policy, key, root, instances))
        for row in _rows(worker, sources, hashing):
            _, _, facts = row.value.partition(b"\n")
            known = json.loads(facts.partition(b"\n")[0]) if facts else {}
            for path in known.get("notes", ()):
                if path not in released:
                    continue
                compared.add(path)
                if row.state == "failed":
                    found(row.kind, path, known.get("attribute", ""))
    return len(compared)


def _rows(worker: Worker, sources: Sources, hashing: bytes) -> Iterator[Row]:
    """The rows of every file; of an archive that changes meanwhile as far as they come."""
    for one in sources:
        with suppress(ItemFailed):
            yield from worker((item_key(hashing, sources.roots[one.root], one), tuple(one)))
