"""The domain of a figure, told from its caption by rules (``domains.tsv``)."""

from __future__ import annotations

DOMAINS = (
    "chest_xray",
    "ct_scan",
    "mri",
    "histology",
    "gross",
    "ultrasound",
    "fundus",
    "dermatology",
    "endoscopy",
    "other",
)


def domain_of_caption(caption: str) -> str:
    """One of :data:`DOMAINS`."""
    raise NotImplementedError
