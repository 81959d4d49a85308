"""Places named by URL, through fsspec: object stores as ``s3://bucket/folder``, and whatever else fsspec reaches.

The only module that imports fsspec (extra ``remote``). Object stores know no rename and no folder, so what is written
appears under its final name once it is whole, and nothing is said of it before. Credentials come from where the store's
own library looks for them (environment, files, roles), never from a URL. No error here quotes a URL or what a store
answered: names of objects can be names of patients.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from medcli.errors import InputError, MissingExtra, SetupError, UsageError

__all__ = [
    "Entry",
    "Unreachable",
    "Url",
    "any_below",
    "borrowed",
    "exists",
    "given",
    "is_url",
    "put",
    "put_bytes",
    "remove",
    "walk",
]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_MARKS = (
    "ETag",
    "etag",
    "md5Hash",
    "LastModified",
    "last_modified",
    "mtime",
    "modified",
    "created",
    "updated",
)


class Url(str):
    """A place beyond this machine's file systems, without a slash at its end."""

    __slots__ = ()

    def __truediv__(self, name: str) -> Url:
        return Url(f"{self}/{name}")

    def __repr__(self) -> str:
        return f"Url({urlsplit(self).scheme}://...)"

    @property
    def name(self) -> str:
        """The last component."""
        return self.rpartition("/")[2]

    def beside(self, ending: str) -> Url:
        """The neighbour whose name is this one's and `ending`."""
        return Url(f"{self}{ending}")


class Unreachable(SetupError):
    """A store does not answer, or does not let this account in."""


class Entry(NamedTuple):
    """An object below a URL: relative name, bytes, and a number that is another one when its content is."""

    name: str
    size: int
    mark: int


def is_url(place: object) -> bool:
    """Whether a place has a scheme in front."""
    return isinstance(place, str) and _SCHEME.match(place) is not None


def given(text: str) -> Path | Url:
    """A place as a person gives it: ``file://`` is a path, another scheme a URL, all else a path.

    Raises
    ------
    UsageError
        If a URL names a user or a password, or has a query, as signed ones do.
    """
    if not is_url(text):
        return Path(text)
    parts = urlsplit(text)
    if parts.scheme.lower() == "file":
        if parts.netloc not in ("", "localhost") or not parts.path:
            raise UsageError("A file:// URL names a path of this machine.", hint="As in file:///data/inbox")
        return Path(unquote(parts.path))
    if "@" in parts.netloc or parts.query:
        raise UsageError(
            "A URL holds a user, a password or a signature, which others could read.",
            hint="Leave it out, and set what the store's library reads, as AWS_PROFILE.",
        )
    return Url(text.rstrip("/"))


def walk(url: str) -> Iterator[Entry]:
    """Yield the objects below a URL, depth first, each folder in the order of names; or the one that it names itself.

    Raises
    ------
    InputError
        If there is nothing.
    Unreachable
        If the store does not answer.
    """
    with _reaching():
        fs, path = _opened(url)
        try:
            info = fs.info(path)
        except FileNotFoundError:
            raise InputError("There is nothing at the URL.", hint="Check the spelling.") from None
        if info["type"] == "file":
            yield Entry("", int(info["size"] or 0), _mark(info))
            return
        root = path.rstrip("/")
        stack = [_listing(fs, root)]
        while stack:
            entry = next(stack[-1], None)
            if entry is None:
                stack.pop()
            elif entry["type"] == "directory":
                stack.append(_listing(fs, entry["name"]))
            else:
                yield Entry(entry["name"][len(root) + 1 :], int(entry["size"] or 0), _mark(entry))


def any_below(url: str) -> bool:
    """Whether there is anything below a URL."""
    try:
        return next(walk(url), None) is not None
    except InputError:
        return False


@contextmanager
def borrowed(url: str, folder: str | None = None) -> Iterator[str]:
    """An object as a local file for the length of a block, readable by its owner alone.

    Parameters
    ----------
    url
        Of the object.
    folder
        Where it lies meanwhile; the system's temporary folder if none, or if that is not on this machine.

    Raises
    ------
    FileNotFoundError, PermissionError
        As the store says.
    Unreachable
        If it does not answer.
    """
    inside = folder if folder and os.path.isdir(folder) else None
    descriptor, name = tempfile.mkstemp(prefix="borrowed-", dir=inside)
    os.close(descriptor)
    try:
        with _reaching():
            fs, path = _opened(url)
            fs.get_file(path, name)
        yield name
    finally:
        os.unlink(name)


def put(source: str, url: str) -> None:
    """Write a local file under a URL; it is there, whole, when this returns.

    Raises
    ------
    Unreachable
        If the store does not take it.
    """
    with _reaching():
        fs, path = _opened(url)
        if not fs.protocol or "memory" in fs.protocol or not _flat(fs):
            fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        fs.put_file(source, path)


def put_bytes(content: bytes, url: str) -> None:
    """Write bytes under a URL; as :func:`put`."""
    with tempfile.NamedTemporaryFile(prefix="outgoing-") as held:
        held.write(content)
        held.flush()
        put(held.name, url)


def exists(url: str) -> bool:
    """Whether there is an object."""
    with _reaching():
        fs, path = _opened(url)
        return bool(fs.exists(path))


def remove(url: str) -> None:
    """Remove an object, if it is there."""
    with _reaching():
        fs, path = _opened(url)
        try:
            fs.rm_file(path)
        except FileNotFoundError:
            return


def _opened(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it; listings are never remembered, for others write there too."""
    try:
        import fsspec
    except ImportError:
        raise MissingExtra("remote", "a place named by URL") from None
    try:
        fs, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError:
        raise SetupError(
            f"fsspec needs another package for {urlsplit(url).scheme}://.",
            hint="pip install 'medcli[remote]' for s3://; for others see fsspec's list of implementations.",
        ) from None
    except ValueError:
        raise UsageError(
            f"There is no way to {urlsplit(url).scheme}://.", hint="As in s3://bucket/folder"
        ) from None
    return fs, str(path)


def _flat(fs: Any) -> bool:
    """Whether a store has keys rather than folders."""
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
    return bool({"s3", "s3a", "gs", "gcs", "abfs", "az", "abfss", "oci", "oss"} & set(protocols))


def _listing(fs: Any, folder: str) -> Iterator[dict[str, Any]]:
    """What stands in a folder, by name; a key that is the folder's own marker is none of it."""
    found = {str(one["name"]).rstrip("/"): one for one in fs.ls(folder, detail=True)}
    for name in sorted(found):
        if name != folder.rstrip("/"):
            yield found[name] | {"name": name}


def _mark(info: dict[str, Any]) -> int:
    """A number of 62 bits from what the store says of an object's content or time."""
    told = [str(info[name]) for name in _MARKS if info.get(name) not in (None, "")]
    return int.from_bytes(hashlib.blake2b("\0".join(told).encode(), digest_size=8).digest()) >> 2


@contextmanager
def _reaching() -> Iterator[None]:
    """Turn what stores' libraries raise into our own, without their texts, which quote names and answers."""
    from medcli.errors import ItemError, MedcliError

    try:
        yield
    except (MedcliError, ItemError, FileNotFoundError, PermissionError, GeneratorExit):
        raise
    except Exception as error:  # noqa: BLE001 - each store's library has its own tree
        raise Unreachable(
            f"The store does not answer as it should ({type(error).__name__}).",
            hint="Check address, credentials and rights; the same command goes on from here.",
        ) from None
