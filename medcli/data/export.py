"""A finished download as shards for training: WebDataset's tar files, or Parquet.

The same download gives the same bytes: files in the manifest's order, records without times, tar headers without owner
or clock. Knows the manifest; refuses to fetch, to decode or to change a picture.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from medcli import files
from medcli.errors import InputError, MissingExtra

FORMS = ("webdataset", "parquet")
_PASSING = ("time", "from", "changed_from")
_GROUP = 64
_KEYS = ("id", "pmcid", "source_file", "key", "version", "license", "md5")

Record = dict[str, Any]


def export(folder: Path, form: str, shard: int) -> int:
    """Write the files of ``folder/manifest.jsonl`` into ``folder/<form>``; return how many shards there are.

    Parameters
    ----------
    folder : Path
        Of the download.
    form : {"webdataset", "parquet"}
        Which kind.
    shard : int
        Files a shard.

    Raises
    ------
    InputError
        If a file that the manifest names is not there.
    MissingExtra
        Without webdataset or pyarrow.
    """
    write = _writer(form)
    target = folder / form
    target.mkdir(exist_ok=True)
    ending = "tar" if form == "webdataset" else "parquet"
    rows, number = iter(files.read_jsonl(folder / "manifest.jsonl")), 0
    while batch := list(itertools.islice(rows, shard)):
        with files.atomic(target / f"{number:05d}.{ending}") as stream:
            write(stream, _records(folder, batch))
        number += 1
    for left in sorted(target.glob(f"*.{ending}"))[number:]:
        left.unlink()  # of an earlier, longer export
    return number


def _records(folder: Path, rows: list[Record]) -> Iterator[tuple[Record, bytes]]:
    for row in rows:
        try:
            content = (folder / row["file"]).read_bytes()
        except OSError:
            raise InputError(
                "A file that the manifest names is not there.", hint="Say --restart to fetch it again."
            ) from None
        yield {name: value for name, value in row.items() if name not in _PASSING}, content


def _writer(form: str) -> Callable[[Any, Iterator[tuple[Record, bytes]]], None]:
    if find_spec("webdataset" if form == "webdataset" else "pyarrow") is None:
        raise MissingExtra("export", f"writing {form} shards")
    return _webdataset if form == "webdataset" else _parquet


def _webdataset(stream: Any, records: Iterator[tuple[Record, bytes]]) -> None:
    """One sample a figure: the picture under its true type, the record as json."""
    from webdataset import TarWriter

    with TarWriter(stream, user="", group="", mtime=0, encoder=False) as writer:
        for record, content in records:
            # A sample's name ends at its first dot.
            name = record["id"].replace("%", "%25").replace(".", "%2E")
            ending = record["file"].rpartition(".")[2]
            told = json.dumps(record, ensure_ascii=False, sort_keys=True).encode()
            writer.write({"__key__": name, ending: content, "json": told})


def _parquet(stream: Any, records: Iterator[tuple[Record, bytes]]) -> None:
    """One row a figure; ``image`` as the library datasets stores pictures, so that it shows them."""
    import pyarrow as pa
    from pyarrow import parquet

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = [("image", image), *((name, pa.string()) for name in _KEYS)]
    texts = {name: {"dtype": "string", "_type": "Value"} for name in _KEYS}
    features = {"info": {"features": {"image": {"_type": "Image"}} | texts}}
    schema = pa.schema(columns, metadata={"huggingface": json.dumps(features)})
    with parquet.ParquetWriter(stream, schema, compression="none") as writer:
        while batch := list(itertools.islice(records, _GROUP)):
            rows = [
                {"image": {"bytes": content, "path": Path(record["file"]).name}}
                | {name: str(record.get(name, "")) for name in _KEYS}
                for record, content in batch
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
