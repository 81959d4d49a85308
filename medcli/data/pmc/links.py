"""Rows of published lists of figures: which article, which file, under which name it is wanted.

Three shapes: LLaVA-Med's (``pmc_tar_url``, ``image_file_path``, ``pair_id``), our own (``pmcid``, ``file``, ``id``)
and the lines of ROCO's ``dlinks.txt`` (id, a command with an address, file name; between tabs). Knows their
spelling; refuses to know whether the article is still there.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from medcli.errors import InputError

_PMCID = re.compile(r"PMC(\d{1,10})(?!\d)", re.IGNORECASE)
_PACKAGE = re.compile(r"([0-9a-f]{2}/[0-9a-f]{2}/PMC\d+\.tar\.gz)", re.IGNORECASE)
_UNSAFE = re.compile(r"[\x00-\x1f/\\:*?\"<>|]")
_MARK = b"\xef\xbb\xbf"  # what some editors put before UTF-8
_LONGEST = 200  # bytes
_LONGEST_FILE = 1000  # a key has at most 1,024 bytes

BAD_JSON = "bad-json"
BAD_ROW = "bad-row"
BAD_ID = "bad-id"


class Link(NamedTuple):
    """One wanted figure.

    Attributes
    ----------
    id : str
        The name that its file takes, without the ending.
    pmcid : int
        0 where a row has none that can be read.
    file : str
        The file's name in the article, without folders.
    package : str
        Where the article's package was: ``xx/yy/PMC<id>.tar.gz``, or empty.
    trouble : str
        Why the row cannot be fetched; empty if it can.
    """

    id: str
    pmcid: int
    file: str
    package: str = ""
    trouble: str = ""

    @property
    def group(self) -> int:
        """The article: its metadata serve all its figures."""
        return self.pmcid


def read(path: Path) -> Iterator[Link]:
    """Yield the links of a list, in its order; rows that are none have their trouble.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            for line in itertools.chain((stream.readline().removeprefix(_MARK),), stream):
                if line.strip():
                    yield _of_line(line)
    except OSError as error:
        raise InputError(f"The list cannot be read: {error.strerror}.", hint="Check LIST.") from error


def _of_line(line: bytes) -> Link:
    if not line.lstrip().startswith(b"{"):
        return _of_dlink(line)
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return Link("", 0, "", "", BAD_JSON)
    return of_row(row)


def of_row(row: dict[str, Any]) -> Link:
    """Read one object.

    >>> of_row({"pmc_tar_url": "x/oa_package/5f/92/PMC4083729.tar.gz", "image_file_path": "PMC4083729/a-g002.jpg",
    ...         "pair_id": "1_Fig2"})
    Link(id='1_Fig2', pmcid=4083729, file='a-g002.jpg', package='5f/92/PMC4083729.tar.gz', trouble='')
    """
    if "pair_id" in row or "image_file_path" in row:
        path, url = str(row.get("image_file_path") or ""), str(row.get("pmc_tar_url") or "")
        return _link(row.get("pair_id"), path.partition("/")[0] if "/" in path else "", path, url)
    return _link(row.get("id"), str(row.get("pmcid") or ""), str(row.get("file") or ""), "")


def _of_dlink(line: bytes) -> Link:
    parts = line.decode("utf-8", "replace").strip().split("\t")
    if len(parts) < 3:
        return Link("", 0, "", "", BAD_ROW)
    return _link(parts[0].strip(), "", parts[-1].strip(), parts[1])


def _link(name: object, article: str, path: str, url: str) -> Link:
    """Put a link together; the article's number comes from its folder, its address, or the file's name."""
    name = str(name).strip() if isinstance(name, str | int) else ""
    file = path.replace("\\", "/").rpartition("/")[2]
    package = _PACKAGE.search(url)
    found = _PMCID.search(article) or _PMCID.search(url) or _PMCID.match(file)
    pmcid = int(found[1]) if found else int(article) if article.isdecimal() and len(article) <= 10 else 0
    trouble = ""
    if not name or file.strip(".") == "" or not pmcid or len(file) > _LONGEST_FILE or not _is_text(file):
        trouble = BAD_ROW
    elif _UNSAFE.search(name) or name.startswith(".") or not _is_text(name) or len(name.encode()) > _LONGEST:
        trouble = BAD_ID
    if trouble:  # it is only told of, and must be such that it can be
        name, file = (text.encode("utf-8", "replace").decode() for text in (name, file))
    return Link(name, pmcid, file, package[1] if package else "", trouble)


def _is_text(text: str) -> bool:
    """Whether it holds no lone surrogates, which JSON can and files and tables cannot."""
    return text.isascii() or not any("\ud800" <= one <= "\udfff" for one in text)
