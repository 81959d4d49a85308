"""One version of an article in the bucket: its licence, its standing, its files; and which of them a row means.

Knows the metadata's fields (NCBI, 2026) and how names of figures differ between lists and the bucket; refuses to
know how metadata are fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from medcli.errors import ItemFailed

ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".gif", ".webp", ".bmp")
"""Endings of pictures, the likeliest first."""

BAD_METADATA = "bad-metadata"
_MD5 = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_PREFIX = re.compile(r"PMC\d+_", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Media:
    """One file: its key in the bucket and its MD5 in hexadecimal, empty where the metadata have none."""

    key: str
    md5: str


@dataclass(frozen=True, slots=True)
class Article:
    """What the metadata say of one version.

    Attributes
    ----------
    pmcid, version : int
        As in ``PMC<pmcid>.<version>``.
    license : str
        ``license_code``; empty where there is none.
    retracted, open_access : bool
        As stated; an article that does not say so is not open.
    media : mapping
        Files by their names.
    text, pmid : str
        Key of the JATS file, empty if there is none; PubMed's number.
    """

    pmcid: int
    version: int
    license: str
    retracted: bool
    open_access: bool
    media: Mapping[str, Media] = field(repr=False)
    xml: Media | None = None
    pmid: str = ""

    @classmethod
    def of(cls, pmcid: int, version: int, content: bytes) -> Article:
        """Read metadata.

        Raises
        ------
        ItemFailed
            ``bad-metadata``.
        """
        try:
            row = json.loads(content)
            found = [_media(url) for url in row.get("media_urls") or ()]
            xml = _media(row["xml_url"]) if row.get("xml_url") else None
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            raise ItemFailed(BAD_METADATA) from None
        media = {PurePosixPath(one.key).name: one for one in found if one.key}
        return cls(
            pmcid,
            version,
            _text(row.get("license_code") or ""),
            _true(row.get("is_retracted")),
            _true(row.get("is_pmc_openaccess")),
            media,
            xml,
            _text(row.get("pmid") or ""),
        )


def match(file: str, names: Iterable[str]) -> tuple[str, str] | None:
    """Find the name that a row means, and how it was found: ``exact``, ``case`` or ``stem``.

    >>> match("fig1.jpg", ["fig1.tif", "FIG1.JPG"])
    ('FIG1.JPG', 'case')
    >>> match("PMC12_fig1", ["fig1.gif", "fig1.jpg"])
    ('fig1.jpg', 'stem')
    """
    known = names if isinstance(names, Mapping) else list(names)
    if file in known:
        return file, "exact"
    wishes = [file, *([_PREFIX.sub("", file, count=1)] if _PREFIX.match(file) else [])]
    for wish in wishes:
        if wish in known:
            return wish, "exact"
    for wish in wishes:
        for name in sorted(known):
            if name.lower() == wish.lower():
                return name, "case"
    for wish in wishes:
        stem = _stem(wish.lower())
        fits = {name.lower(): name for name in sorted(known) if _stem(name.lower()) == stem}
        for ending in ENDINGS:
            if stem + ending in fits:
                return fits[stem + ending], "stem"
    return None


def _stem(name: str) -> str:
    """A name without a picture's ending: other dots belong to it."""
    ending = next((one for one in ENDINGS if name.endswith(one)), "")
    return name[: len(name) - len(ending)]


def _media(url: Any) -> Media:
    """Read ``s3://bucket/key?md5=hex``; a key may itself hold question marks and percent signs."""
    whole = _text(url)
    text, _, md5 = whole.rpartition("?md5=")
    if not text:
        text, md5 = whole, ""
    if text.startswith("s3://"):
        key = text.removeprefix("s3://").partition("/")[2]
    else:
        key = unquote(urlsplit(text).path.lstrip("/"))
    return Media(key, md5.lower() if _MD5.fullmatch(md5) else "")


def _text(value: Any) -> str:
    """A value as text that can be written: JSON can hold lone surrogates, and files cannot."""
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _true(value: object) -> bool:
    return value is True or str(value).strip().lower() in ("true", "yes", "1")
