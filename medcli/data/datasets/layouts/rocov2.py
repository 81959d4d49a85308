"""ROCOv2 as the Hub has it: Parquet with ``image``, ``image_id``, ``caption`` and ``cui``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from medcli.data.datasets.layouts import CAPTIONS, Found, Record
from medcli.data.datasets.layouts.tables import picture_of
from medcli.data.datasets.layouts.tables import rows as table
from medcli.records import Caption

PRODUCT = CAPTIONS
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


def rows(found: Found) -> Iterator[Record]:
    """A caption a row."""
    for number, row in enumerate(table(found.paths)):
        name = str(row.get("image_id") or "")
        if not _NAME.fullmatch(name) or name.startswith("."):
            name = f"{found.split}-{number}"
        image = found.pictures.keep(picture_of(row), name)
        caption = Caption(name, str(row.get("caption") or ""), image)
        yield caption.to_json() | ({"cuis": list(row["cui"])} if row.get("cui") else {})
