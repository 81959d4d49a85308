"""The pictures of a release: one picture into the staging folder, its place, its row.

Knows what the worker hands on and what the catalogue needs. Refuses to know any format.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from medcli.privacy.decisions import Decision
from medcli.privacy.dicom.pseudonyms import Pseudonyms
from medcli.privacy.pixels.pictures import Bounds, Looks, PictureScrubber, ScrubbedPicture
from medcli.privacy.policy import Policy
from medcli.privacy.review import Review

if TYPE_CHECKING:
    from medcli.jobs import Row

__all__ = ["FOLDER", "Pictures"]

#: Folder of a release for pictures, which belong to no study.
FOLDER = "pictures"
#: Known values shorter than this stand in any file by chance.
_LONG = 6


class Pictures:
    """Cleans pictures in one process.

    Parameters
    ----------
    policy
        The run's; its `pixels` is not ``withhold``.
    names
        Its pseudonyms.
    decisions
        What a person decided on pictures, by their identifier.
    review
        Where what the review page shows is noted; None for nowhere.
    """

    def __init__(
        self, policy: Policy, names: Pseudonyms, decisions: Mapping[str, Decision], review: Review | None
    ) -> None:
        self._names, self._decisions, self._review = names, decisions, review
        known = (value.encode() for _, _, value in policy.text.known if len(value) >= _LONG)
        looks = list(_looks(policy)) if policy.pixels != "off" else []
        self._scrubber = PictureScrubber(looks, policy.look.fill, known)

    def scrub(self, source: bytes | Path | str, target: str | None, mirror: str) -> ScrubbedPicture:
        """Clean one picture.

        Raises
        ------
        OSError
            Where `target` can't be written.
        """

        def more(digest: bytes) -> tuple[Bounds, ...] | None:
            decision = self._decisions.get(self._identifier(mirror, digest))
            if decision is None:
                return ()
            return None if decision.verdict == "withhold" else decision.rectangles

        return self._scrubber.scrub(source, target, more)

    def _identifier(self, mirror: str, digest: bytes) -> str:
        return self._names.digest("content", mirror.encode() + digest).hex()[:32]

    def told(self, key: str, item: str, mirror: str, result: ScrubbedPicture, layout: str) -> Row:
        """The row of a picture; see :func:`medcli.privacy.worker.told`."""
        from medcli.privacy.worker import threefold

        identifier = self._identifier(mirror, result.digest)
        if self._review is not None and result.shown is not None:
            self._review.note(key, identifier, result.shown, kind="picture", modality=result.kind.upper())
        head: dict[str, object] = {
            "item": item,
            "mirror": mirror,
            "reason": result.reason,
            "route": "picture",
            "instance": identifier if result.digest else "",
        }
        if result.status == "released":
            place = f"{'' if layout == 'mirror' else FOLDER + '/'}{mirror}{result.suffix}"
            head |= {"content": identifier, "sha256": result.sha256, "own": place}
        head["size"] = result.size
        facts = {
            name: value
            for name in ("kind", "pages", "boxes", "method", "deviation")
            if (value := getattr(result, name))
        }
        released = result.status == "released"
        return threefold(
            key,
            ("done", "released") if released else ("failed", result.reason),
            head,
            facts | {"route": "picture"},
            actions="{}",
            size=result.size,
        )


def _looks(policy: Policy) -> list[Looks]:
    """Who looks: for text always, for faces where that was asked for."""
    from medcli.privacy.pixels.detector import usual
    from medcli.privacy.pixels.finding import Finder
    from medcli.privacy.pixels.hunt import Hunt
    from medcli.privacy.pixels.looking import Looker
    from medcli.privacy.pixels.sight import FaceSight, TextSight
    from medcli.privacy.text.known import Known

    known = Known((category, value) for _, category, value in policy.text.known)
    keep = "technique" in policy.look.keep_text
    looks: list[Looks] = [TextSight(Finder(Looker(usual()), Hunt(known), keep_technique=keep))]
    if policy.look.faces:
        from medcli.privacy.pixels.faces import Faces

        looks.append(FaceSight(Faces()))
    return looks
