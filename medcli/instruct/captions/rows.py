"""One caption's record, under whichever keys: ours and LLaVA-Med's, PMC-OA's, ROCOv2's.

Knows keys. What is missing is told from what is there: an id from the picture's name, a PMC number from it too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from medcli.errors import ItemFailed
from medcli.records import Caption

_PMC = re.compile(r"PMC\d+")
#: Other names of LLaVA-Med's five domains, folded.
_DOMAINS = {
    "cxr": "chest_xray",
    "chestxray": "chest_xray",
    "xray": "chest_xray",
    "ct": "ct_scan",
    "ctscan": "ct_scan",
    "mri": "mri",
    "mr": "mri",
    "histology": "histology",
    "histopathology": "histology",
    "gross": "gross",
    "grosspathology": "gross",
}


def told(record: object, domain: str) -> object:
    """A record with the domain under which a file has it, where it does not say so itself."""
    if isinstance(record, dict) and not _says_domain(record):
        return {**record, "domain": domain_named(domain)}
    return record


def caption_of(record: object) -> Caption:
    """Read a record.

    Raises
    ------
    ItemFailed
        ``not-an-object``, ``no-caption`` or ``bad-mentions``.
    """
    if not isinstance(record, Mapping):
        raise ItemFailed("not-an-object")
    row: dict[str, Any] = {name: value for name, value in record.items() if value is not None}
    if "pair_id" not in row and "id" not in row:
        row["id"] = _named(row)
    mentions = row.get("in_text_mention")
    if isinstance(mentions, str):
        row["in_text_mention"] = [mentions]
    elif not (mentions is None or isinstance(mentions, list)):
        raise ItemFailed("bad-mentions")
    for name in ("fig_caption", "caption"):
        if isinstance(row.get(name), str):
            row[name] = row[name].strip()
    caption = Caption.of(row)
    domain, pmcid = domain_named(caption.domain or _first_true(row)), caption.pmcid or _pmcid(caption)
    if (domain, pmcid) == (caption.domain, caption.pmcid):
        return caption
    return replace(caption, domain=domain, pmcid=pmcid)


@cache
def domain_named(name: str) -> str:
    """A domain under its one name: ``CT`` and ``ct scan`` are ``ct_scan``."""
    return _DOMAINS.get(re.sub(r"[\W_]+", "", name.casefold()), name.strip())


def _says_domain(record: Mapping[str, Any]) -> bool:
    domain = record.get("domain")
    return any(domain.values()) if isinstance(domain, Mapping) else bool(domain)


def _first_true(row: Mapping[str, Any]) -> str:
    """A domain beyond LLaVA-Med's five, which a record may have too."""
    domain = row.get("domain")
    return (
        next((str(name) for name, true in domain.items() if true is True), "")
        if isinstance(domain, Mapping)
        else ""
    )


def _named(row: Mapping[str, Any]) -> str | None:
    """An id from the picture's name, as PMC-OA's rows have no other."""
    for name in ("image_id", "image"):
        if isinstance(row.get(name), str) and row[name].strip():
            return PurePosixPath(row[name].replace("\\", "/")).stem
    return None


def _pmcid(caption: Caption) -> str:
    match = _PMC.match(caption.image.replace("\\", "/").rpartition("/")[2])
    return match[0] if match else ""
