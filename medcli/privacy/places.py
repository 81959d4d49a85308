"""Where everything of a run lies, and which of these paths may not coincide or lie inside each other.

Knows names of files that medcli writes. Refuses to touch them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medcli.errors import UsageError
from medcli.storage import Url

__all__ = ["CATALOGUE", "PRODUCTS", "Places", "beside", "check", "check_review"]

CATALOGUE = "catalogue.sqlite"
#: What medcli writes into the confidential folder, but for the key and the state.
PRODUCTS = (
    "identities.jsonl",
    "shard.json",
    "files.csv",
    "crosswalk.csv",
    "report.jsonl",
    "summary.json",
    CATALOGUE,
    "notes",
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything of a run lies.

    Attributes
    ----------
    remote
        URL of the release, where it is not on this machine: `output` and `manifest` are where they pass through then.
    """

    output: Path
    confidential: Path
    key: Path
    state: Path
    manifest: Path
    remote: Url | None = None

    @property
    def release(self) -> Path | Url:
        """Where the release lies, as a person knows it."""
        return self.remote or self.output

    @classmethod
    def of(cls, output: Path, confidential: Path | None, key: Path | None, state: Path | None) -> Places:
        """The places that were named, and the default ones."""
        output = Path(os.path.abspath(output))
        private = confidential or beside(output, "-confidential")
        return cls(
            output,
            private,
            key or private / "key",
            state or private / "state",
            beside(output, "-manifest.json"),
        )

    @classmethod
    def of_remote(cls, release: Url, folder: Path, key: Path | None, state: Path | None) -> Places:
        """The places of a release in a store: what goes there passes through the confidential folder."""
        folder = Path(os.path.abspath(folder))
        passing = folder / "outgoing"
        manifest = folder / "manifest.json"
        return cls(passing, folder, key or folder / "key", state or folder / "state", manifest, release)

    @classmethod
    def of_part(cls, folder: Path, key: Path | None, state: Path | None) -> Places:
        """The places of one part of a release: everything in one confidential folder, and no manifest."""
        folder = Path(os.path.abspath(folder))
        staged = folder / "staged"
        return cls(staged, folder, key or folder / "key", state or folder / "state", staged)


def beside(output: Path, ending: str) -> Path:
    """The neighbour of the release whose name is the release's name and `ending`.

    Raises
    ------
    UsageError
        Where it has none, for nothing lies beside the root of the file system.
    """
    path = Path(os.path.abspath(output))
    if not path.name:
        raise UsageError("The release can't be the root of the file system.", hint="Name a folder in it.")
    return path.with_name(path.name + ending)


def check(everything: Sequence[Path | Url], places: Places, tables: Mapping[str, Path | None]) -> None:
    """Refuse paths of which one would spoil, publish or replace another.

    Parameters
    ----------
    everything
        What is read; URLs only have to be others than that of the release.
    places
        What is written.
    tables
        Options and the files that they name, which are read.

    Raises
    ------
    UsageError
        Which names options and no path.
    """
    sources = [one for one in everything if isinstance(one, Path)]
    _check_urls(everything, places.remote)
    written = {
        "--output": places.output,
        "--confidential": places.confidential,
        "--state": places.state,
        "--key-file": places.key,
        "The manifest beside --output": places.manifest,
    }
    for name, place in written.items():
        for number, source in enumerate(sources, 1):
            if _inside(place, source) or _inside(source, place):
                raise UsageError(
                    f"{name} and source {number} lie inside each other.",
                    hint="Sources are read as a whole and never written to: give a place beside them.",
                )
    # A part is no release, and all confidential; what passes to a store passes through there.
    passing = places.remote is not None or places.manifest == places.output
    if not passing and (
        _inside(places.confidential, places.output) or _inside(places.output, places.confidential)
    ):
        raise UsageError(
            "--output and --confidential lie inside each other.",
            hint="Give two places that lie side by side.",
        )
    for name in ("--state", "--key-file"):
        if _inside(written[name], places.output):
            raise UsageError(f"{name} lies inside --output, which holds the release only.")
    _check_files(places, written, {name: path for name, path in tables.items() if path is not None})
    for number, source in enumerate(sources):
        if any(_inside(source, other) for place, other in enumerate(sources) if place != number):
            raise UsageError(f"Source {number + 1} lies inside another source.", hint="Name it once.")


def _check_urls(sources: Sequence[Path | Url], release: Url | None) -> None:
    for number, url in enumerate(sources, 1):
        if isinstance(url, Url) and release and _below(url, release):
            raise UsageError(
                f"--output and source {number} lie inside each other.", hint="Give a place beside it."
            )


def _below(one: Url, other: Url) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def check_review(review: Path, everything: Sequence[Path | Url], places: Places) -> None:
    """Refuse a folder for the review page where it would be published, read as a source, or mixed with other things.

    Raises
    ------
    UsageError
        Which names options and no path.
    """
    for number, source in enumerate((one for one in everything if isinstance(one, Path)), 1):
        if _inside(review, source) or _inside(source, review):
            raise UsageError(
                f"--review and source {number} lie inside each other.", hint="Give a place beside it."
            )
    for name, place in (("--output", places.output), ("--confidential", places.confidential)):
        if _inside(place, review) or (name == "--output" and _inside(review, place)):
            raise UsageError(f"--review and {name} lie inside each other.", hint="Give a folder of its own.")
    if os.path.lexists(review) and not os.path.isdir(review):
        raise UsageError("--review is a file.", hint="Give a folder.")
    if os.path.isdir(review) and set(os.listdir(review)) - {"images", "review.html"}:
        raise UsageError("--review holds other things.", hint="Give a folder of its own.")


def _check_files(places: Places, written: Mapping[str, Path], tables: Mapping[str, Path]) -> None:
    """Refuse a file that a product of the run would replace."""
    ours = {"the manifest beside --output": places.manifest}
    ours |= {f"{name} in --confidential": places.confidential / name for name in PRODUCTS}
    for name in ("--confidential", "--state", "--key-file"):
        for what, product in ours.items():
            if _inside(written[name], product):
                raise UsageError(f"{name} names {what}.", hint="Give another path.")
    ours |= {"--key-file": places.key, "--output": places.output, "--state": places.state}
    for name, table in tables.items():
        for what, product in ours.items():
            if _inside(table, product):
                raise UsageError(f"{name} names {what}, or what lies in it.", hint="Give another path.")
    for name in ("--state", "--confidential", "--output"):
        if _inside(written[name], places.key):
            raise UsageError(f"--key-file names the folder of {name}.", hint="Give a file.")
    if os.path.realpath(places.key) == os.path.realpath(places.state / "ledger.sqlite"):
        raise UsageError("--key-file names the ledger in --state.", hint="Give another path.")


def _inside(one: Path, other: Path) -> bool:
    """Whether `one` is `other` or lies in it, links followed as far as they exist."""
    first, second = os.path.realpath(one), os.path.realpath(other)
    return first == second or first.startswith(second.rstrip("/") + "/")
