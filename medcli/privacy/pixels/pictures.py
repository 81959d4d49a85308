"""One picture in, one released picture or a reason out.

Knows the order of the work: what it is, its parts, upright, looked at, filled, written, read again, looked at again.
Refuses to know where pictures come from, how many there are, and how text and faces are seen.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from medcli.errors import SafetyRefused
from medcli.privacy.pixels.picture_kinds import UnfitPicture, within_limits
from medcli.privacy.pixels.picture_residue import holds_more, needles
from medcli.privacy.pixels.picture_work import Bounds, Looks, PictureWork, ScrubbedPicture

__all__ = ["Bounds", "Looks", "PictureScrubber", "ScrubbedPicture"]


class PictureScrubber:
    """Cleans pictures; one a process.

    Parameters
    ----------
    looks
        Who looks: each one's boxes are filled. Empty: only metadata go.
    how
        ``solid`` or ``noise``.
    known
        Values that must not stand in what is written, as bytes.
    """

    def __init__(self, looks: Iterable[Looks] = (), how: str = "solid", known: Iterable[bytes] = ()) -> None:
        self._looks, self._how, self._known = tuple(looks), how, frozenset(known)

    def scrub(
        self,
        source: bytes | Path | str,
        target: Path | str | None,
        more: Callable[[bytes], Iterable[Bounds] | None] | None = None,
    ) -> ScrubbedPicture:
        """Clean one picture.

        Parameters
        ----------
        source
            A path, or the bytes of an archive's member.
        target
            Where the result is written; None: nothing is.
        more
            Asked, by the SHA-256 of the source, for further boxes on all pages; None from it withholds the picture.

        Returns
        -------
        ScrubbedPicture
            Never an exception for what is wrong with the picture itself.

        Raises
        ------
        OSError
            Where `target` can't be written.
        MissingExtra
            Where what decodes pictures is not installed.
        """
        result = ScrubbedPicture("withheld")
        try:
            written = self._written(source, result, more)
            _write(target, written)
            result.status, result.reason = "released", ""
            result.sha256, result.size = hashlib.sha256(written).hexdigest(), len(written)
        except UnfitPicture as unfit:
            result.reason = unfit.reason
        except SafetyRefused:
            result.reason = "pixels-not-examined"
        finally:
            if result.status != "released" and target is not None:
                with suppress(FileNotFoundError):
                    os.unlink(target)
        return result

    def _written(
        self,
        source: bytes | Path | str,
        result: ScrubbedPicture,
        more: Callable[[bytes], Iterable[Bounds] | None] | None,
    ) -> bytes:
        """The bytes to be written, searched."""
        data = _read(source)
        result.digest = hashlib.sha256(data).digest()
        drawn = more(result.digest) if more else ()
        work = PictureWork(data, result, self._looks, self._how)
        if drawn is None:
            work.show_only()
            raise UnfitPicture("withheld-by-reviewer")
        written = work.done(list(drawn))
        if holds_more(result.kind, written, self._known | needles(work.dropped)):
            raise UnfitPicture("residue")
        return written


def _read(source: bytes | Path | str) -> bytes:
    if isinstance(source, bytes):
        data = source
    else:
        try:
            within_limits(os.stat(source).st_size, 1, 1)
            data = Path(source).read_bytes()
        except OSError:
            raise UnfitPicture("unreadable") from None
    within_limits(len(data), 1, 1)
    return data


def _write(target: Path | str | None, written: bytes) -> None:
    """Write, read back and compare."""
    if target is None:
        return
    Path(target).write_bytes(written)
    if Path(target).read_bytes() != written:
        raise UnfitPicture("unsound")
