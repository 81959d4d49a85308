"""What `medcli download dataset` can be asked for: the only home of its defaults, checks and help texts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medcli.data import options, services
from medcli.data.datasets.registry import Dataset, datasets
from medcli.data.places import state_of
from medcli.data.transfer import Transfer
from medcli.errors import UsageError
from medcli.jobs import choice
from medcli.settings import option

__all__ = ["DatasetSpec"]


def _revision(text: str) -> str:
    name, equals, revision = text.partition("=")
    if not equals or not revision or name not in datasets() or not datasets()[name].hub:
        raise ValueError("NAME=REVISION is needed, with a NAME that is on the Hub")
    return text


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """Datasets by their names, and the folder that they are fetched into.

    The fields are the options of ``medcli download dataset``; their help texts stand with them.

    Raises
    ------
    UsageError
        Where wishes contradict each other, or name what is not known.
    """

    names: tuple[str, ...] = option(
        "Names, as medcli download list shows them.", metavar="NAME...", positional=True, shapes_product=False
    )
    output: Path = options.output()
    split: tuple[str, ...] = option(
        "Only this split (repeatable). Default: all.", default=(), metavar="SPLIT", shapes_product=False
    )
    language: tuple[str, ...] = option(
        "Language of the questions, where a dataset has several (repeatable).",
        default=("en",),
        choices=("en", "zh"),
        shapes_product=False,
    )
    prepare: bool = option(
        "Write the questions of each split to SPLIT/questions.jsonl, with their pictures beside them.",
        default=True,
        shapes_product=False,
    )
    llava: bool = option(
        "Also write SPLIT/llava.json: the same as conversations, in LLaVA's shape.",
        default=False,
        shapes_product=False,
    )
    license: str = options.license_wish()
    local: Path | None = option(
        "Folder with a copy of the files of one NAME: they are taken from there, and nothing is fetched. The way for"
        " what has to be signed for.",
        default=None,
        metavar="DIR",
        shapes_product=False,
    )
    revision: tuple[str, ...] = option(
        "Another revision of a repository on the Hub than the one whose rows are known (repeatable).",
        default=(),
        metavar="NAME=REVISION",
        parse=_revision,
        shapes_product=False,
    )
    dry_run: bool = options.dry_run()
    retry_failed: bool = options.retry_failed()
    restart: bool = options.restart()
    concurrency: int = options.concurrency()
    bandwidth: float | None = options.bandwidth()
    timeout: float = options.timeout()
    base_url: tuple[str, ...] = options.base_url()
    runner: str = choice.runner()
    ray_address: str = choice.ray_address()
    ray_workers: int | None = choice.ray_workers("node")
    ray_cpus: float = choice.ray_cpus()
    state: Path | None = options.state()

    def __post_init__(self) -> None:
        choice.check(self)
        unknown = sorted(set(self.names) - datasets().keys())
        if unknown or not self.names:
            raise UsageError(
                f"There is no dataset {', '.join(unknown)}." if unknown else "No dataset is named.",
                hint=f"Known are: {', '.join(datasets())}.",
            )
        if self.local is not None and len(self.names) > 1:
            raise UsageError("--local holds the files of one dataset.", hint="Name one.")
        for name in self.names:
            known = datasets()[name].parts
            wrong = sorted(set(self.split) - known.keys())
            if wrong and known:
                raise UsageError(f"{name} has no split {wrong[0]}.", hint=f"It has: {', '.join(known)}.")

    idle = staticmethod(choice.idle_names)

    @property
    def addresses(self) -> dict[str, str]:
        """Every service's address."""
        return services.addresses(self.base_url)

    @property
    def transfer(self) -> Transfer:
        """The limits of the network's use."""
        return Transfer(self.concurrency, self.bandwidth or 0.0, self.timeout)

    def folder(self, name: str) -> Path:
        """Where one dataset goes."""
        return self.output / name

    def kept(self, name: str) -> Path:
        """Where its plan and ledger lie."""
        return self.state / name if self.state else state_of(self.folder(name), "dataset")

    def splits(self, dataset: Dataset) -> tuple[str, ...]:
        """The splits that are wanted, in the registry's order."""
        return tuple(one for one in dataset.parts if not self.split or one in self.split)

    def revision_of(self, dataset: Dataset) -> str:
        """The revision that is asked for; empty for the newest."""
        given = dict(one.split("=", 1) for one in self.revision)
        return given.get(dataset.name, dataset.revision)
