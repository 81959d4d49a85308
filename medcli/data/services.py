"""Where things are today, and ``--base-url NAME=URL`` for mirrors and tests; the Hub follows ``HF_ENDPOINT``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

DEFAULTS: Mapping[str, str] = {
    # The Registry of Open Data on AWS: NCBI's bucket since 2026-02-12.
    "bucket": "https://pmc-oa-opendata.s3.amazonaws.com/",
    # Entrez programming utilities.
    "eutils": "https://eutils.ncbi.nlm.nih.gov/entrez/eutils/",
    # NCBI removed the article packages in August 2026; somebody may still serve a copy.
    "packages": "",
    # Git LFS of microsoft/LLaVA-Med: what stands before objects/batch.
    "lfs": "https://github.com/microsoft/LLaVA-Med.git/info/lfs/",
    # The files of razorx89/roco-dataset: what stands before a commit.
    "roco": "https://raw.githubusercontent.com/razorx89/roco-dataset/",
    # The Open Science Framework, where VQA-RAD is at home.
    "osf": "https://api.osf.io/v2/",
}


def parse(text: str) -> str:
    """Check one ``NAME=URL``.

    Raises
    ------
    ValueError
        With a sentence that says what is wrong.
    """
    name, equals, url = text.partition("=")
    if not equals or name not in DEFAULTS:
        raise ValueError(f"NAME=URL is needed, with a NAME of: {', '.join(DEFAULTS)}")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("the URL must begin with http:// or https://")
    return text


def addresses(given: Iterable[str]) -> dict[str, str]:
    """Every service's address, ending in a slash; empty where there is none."""
    found = dict(DEFAULTS)
    for text in given:
        name, _, url = text.partition("=")
        found[name] = url
    return {name: url and f"{url.rstrip('/')}/" for name, url in found.items()}
