"""A server on loopback that answers as the Hub, Git LFS and the Open Science Framework do, for small datasets."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from aiohttp import web

COMMIT = "c0ffee" + "0" * 34


class Hub:
    """Repositories by id, each with files by path; a log of what was asked."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.objects: dict[str, bytes] = {}
        self.files: dict[str, bytes] = {}
        self.original: bytes = b""
        self.status: dict[str, int] = {}
        self.log: list[str] = []
        self.url = ""

    def addresses(self) -> tuple[str, ...]:
        return (f"lfs={self.url}lfs", f"roco={self.url}raw", f"osf={self.url}osf")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = unquote(request.path.lstrip("/"))
        self.log.append(path)
        for part, status in self.status.items():
            if part in path:
                return web.Response(status=status)
        head, _, rest = path.partition("/")
        answers = {"api": self._facts, "datasets": self._file, "lfs": self._lfs, "osf": self._osf}
        if head in answers:
            return await answers[head](request, rest)
        return _content(self.files.get(path) or self.objects.get(path))

    async def _facts(self, _: web.Request, rest: str) -> web.Response:
        _, owner, name, _, revision = (rest + "////").split("/")[:5]
        files = self.repositories.get(f"{owner}/{name}")
        if files is None:
            return web.Response(status=404, headers={"X-Error-Code": "RepoNotFound"})
        if revision == "none":
            return web.Response(status=404, headers={"X-Error-Code": "RevisionNotFound"})
        sha = revision if len(revision) == 40 else COMMIT
        siblings = [_sibling(path, content) for path, content in files.items()]
        return web.json_response({"id": f"{owner}/{name}", "sha": sha, "siblings": siblings})

    async def _file(self, request: web.Request, rest: str) -> web.Response:
        owner, name, _, _, path = rest.split("/", 4)
        content = self.repositories[f"{owner}/{name}"].get(path)
        if content is not None and _is_large(path) and request.query.get("from") != "cdn":
            return web.Response(status=302, headers={"Location": f"{request.path}?from=cdn"})
        return _content(content)

    async def _lfs(self, request: web.Request, _: str) -> web.Response:
        (wanted,) = (await request.json())["objects"]
        assert request.headers["Accept"] == "application/vnd.git-lfs+json"
        told: dict[str, Any] = {"oid": wanted["oid"], "size": wanted["size"]}
        if wanted["oid"] in self.objects:
            told["actions"] = {"download": {"href": f"{self.url}{wanted['oid']}", "header": {"X-Key": "1"}}}
        else:
            told["error"] = {"code": 404, "message": "not there"}
        return web.json_response({"transfer": "basic", "objects": [told]})

    async def _osf(self, _: web.Request, rest: str) -> web.Response:
        if not self.original:
            return web.Response(status=404)
        if rest.startswith("file"):
            return _content(self.original)
        hashes = {"sha256": hashlib.sha256(self.original).hexdigest()}
        facts = {
            "name": "VQA_RAD Dataset Public.json",
            "size": len(self.original),
            "extra": {"hashes": hashes},
        }
        one = {"attributes": facts, "links": {"download": f"{self.url}osf/file"}}
        folder = {"attributes": {"name": "VQA_RAD Image Folder"}, "links": {}}
        return web.json_response({"data": [folder, one]})


def _content(content: bytes | None) -> web.Response:
    return web.Response(status=404) if content is None else web.Response(body=content)


def _is_large(path: str) -> bool:
    return path.endswith((".parquet", ".zip"))


def git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _sibling(path: str, content: bytes) -> dict[str, Any]:
    facts: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": git_id(content)}
    if _is_large(path):
        sha256 = hashlib.sha256(content).hexdigest()
        facts["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 130}
    return facts


def parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as the Hub's viewer stores them; ``image`` as ``{bytes, path}``."""
    import pyarrow as pa
    from pyarrow import parquet as writer

    stream = io.BytesIO()
    writer.write_table(pa.Table.from_pylist([dict(row) for row in rows]), stream)
    return stream.getvalue()


def archive(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return stream.getvalue()


def table(rows: Sequence[Mapping[str, str]]) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def jsonl(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
