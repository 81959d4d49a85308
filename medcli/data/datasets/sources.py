"""Which files a dataset has, at which revision, and what each must be: asked once a run and noted.

Three kinds of places: a repository on the Hub (asked through ``huggingface_hub``, which follows HF_ENDPOINT and
HF_TOKEN's kin), files that are pinned in ``pins.tsv``, and a project on the Open Science Framework. Refuses to fetch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from medcli import files
from medcli.data.datasets.registry import Dataset, pins
from medcli.errors import InputError, MissingExtra, SetupError

FILE = "plan.json"
ORIGINAL = "original/vqa-rad.json"
_GIT = 40


class Source(NamedTuple):
    """One file.

    Attributes
    ----------
    path : str
        In the repository.
    kind : str
        ``hub``, ``lfs``, ``roco``, ``osf`` or ``local``.
    url : str
        Where it is; empty where that has to be asked.
    size : int
        Bytes; 0 where unknown.
    sha256, git : str
        What it has to be; empty where unknown. ``git`` is Git's object id of the content.
    """

    path: str
    kind: str
    url: str = ""
    size: int = 0
    sha256: str = ""
    git: str = ""


class Plan(NamedTuple):
    """A dataset's files, and the commit that they are of."""

    revision: str
    sources: tuple[Source, ...]


def known(folder: Path, revision: str) -> Plan | None:
    """The plan that a run noted, if it is of this revision."""
    try:
        noted = json.loads((folder / FILE).read_bytes())
        if noted["asked"] != revision:
            return None
        return Plan(noted["revision"], tuple(Source(*one) for one in noted["sources"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note(folder: Path, asked: str, plan: Plan) -> None:
    """Keep a plan for the runs to come."""
    files.write(folder / FILE, json.dumps({"asked": asked, **plan._asdict()}))


def ask(dataset: Dataset, revision: str, addresses: Mapping[str, str]) -> Plan:
    """Find a dataset's files; only the Hub is asked, the rest is in our tables.

    Raises
    ------
    SetupError
        If the Hub does not answer, or has no such repository or revision.
    """
    if dataset.hub:
        plan = _on_hub(dataset, revision)
    else:
        plan = Plan(
            revision, tuple(_pinned(dataset.name, one, addresses, revision) for one in pins(dataset.name))
        )
    if dataset.osf:
        listing = f"{addresses['osf']}nodes/{dataset.osf}/files/osfstorage/?page%5Bsize%5D=100"
        plan = plan._replace(sources=(*plan.sources, Source(ORIGINAL, "osf", listing)))
    return plan


def local(dataset: Dataset, folder: Path, splits: tuple[str, ...]) -> Plan:
    """Find the files of a local copy by the dataset's patterns, at any depth.

    Raises
    ------
    InputError
        If one is missing.
    """
    if not folder.is_dir():
        raise InputError("--local is no folder.", hint="Name the folder with the files.")
    pinned = {one.path: one for one in pins(dataset.name)}
    there = sorted(path for path in folder.rglob("*") if path.is_file())
    found: dict[str, Source] = {}
    for pattern in (*dataset.shared, *(one for split in splits for one in dataset.parts[split])):
        matches = dict(_matches(there, folder, pattern))
        if not matches:
            raise InputError(f"{pattern} is not in --local.", hint="Name the folder with the files.")
        for name, path in matches.items():
            pin = pinned.get(name)
            found[name] = Source(name, "local", str(path.absolute()), **(_hash(pin.hash) if pin else {}))
    return Plan("local copy", tuple(found.values()))


def _matches(there: list[Path], folder: Path, pattern: str) -> Iterator[tuple[str, Path]]:
    """Files whose path ends as the pattern says, under that ending; else those whose name alone does."""
    some = False
    for path in there:
        parts = path.relative_to(folder).parts
        tails = ("/".join(parts[start:]) for start in range(len(parts)))
        name = next((tail for tail in tails if fnmatchcase(tail, pattern)), "")
        if name:
            some = True
            yield name, path
    outer, _, base = pattern.rpartition("/")
    if not some and outer and base != "*":
        yield from ((f"{outer}/{path.name}", path) for path in there if fnmatchcase(path.name, base))


def _hash(text: str) -> dict[str, Any]:
    return {"git" if len(text) == _GIT else "sha256": text}


def _pinned(name: str, pin: Any, addresses: Mapping[str, str], revision: str) -> Source:
    kind = "lfs" if name == "llava-med" else "roco"
    url = f"{addresses['lfs']}objects/batch" if kind == "lfs" else f"{addresses['roco']}{revision}/{pin.path}"
    return Source(pin.path, kind, url, pin.size, **_hash(pin.hash))


def _on_hub(dataset: Dataset, revision: str) -> Plan:
    try:
        from huggingface_hub import HfApi, errors, hf_hub_url
    except ImportError:
        raise MissingExtra("download", "asking the Hub") from None
    endpoint = os.environ.get("HF_ENDPOINT") or None
    try:
        told = HfApi(endpoint=endpoint).dataset_info(
            dataset.hub, revision=revision or None, files_metadata=True, timeout=30.0
        )
    except errors.GatedRepoError:
        raise SetupError(
            f"The Hub wants an agreement for {dataset.name} first.", hint=f"Sign at {dataset.home}"
        ) from None
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError):
        raise SetupError(
            f"{dataset.name} is not on the Hub any more, or not at this revision.",
            hint="Look at its page; --revision NAME=REVISION takes another one.",
        ) from None
    except errors.OfflineModeIsEnabled:
        raise SetupError(
            "HF_HUB_OFFLINE keeps us from the Hub.", hint="Unset it, or name a copy with --local."
        ) from None
    except Exception as error:  # noqa: BLE001 - whatever its HTTP library raises; the text can hold a token
        raise SetupError(
            f"The Hub does not answer ({type(error).__name__}).",
            hint="Look at the network, proxies and HF_ENDPOINT; the same command asks again.",
        ) from None
    commit = told.sha or revision
    sources = []
    for one in told.siblings or ():
        url = hf_hub_url(dataset.hub, one.rfilename, repo_type="dataset", revision=commit, endpoint=endpoint)
        sha256 = one.lfs.sha256 if one.lfs else ""
        sources.append(
            Source(one.rfilename, "hub", url, one.size or 0, sha256, "" if sha256 else one.blob_id or "")
        )
    return Plan(commit, tuple(sources))
