"""What `medcli download images` can be asked for: the only home of its defaults, checks and help texts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medcli.data import options, services
from medcli.data.export import FORMS
from medcli.data.places import check, here, state_of
from medcli.data.transfer import Transfer
from medcli.errors import UsageError
from medcli.jobs import choice
from medcli.settings import option
from medcli.storage import Url

__all__ = ["ImagesSpec"]


@dataclass(frozen=True, slots=True)
class ImagesSpec:
    """A list of figures, and the folder that they are fetched into.

    The fields are the options of ``medcli download images``; their help texts stand with them.

    Raises
    ------
    UsageError
        Where wishes contradict each other.
    """

    list: Path = option(
        "JSON lines in LLaVA-Med's shape (pmc_tar_url, image_file_path, pair_id) or with pmcid, file and id; or ROCO's"
        " dlinks.txt.",
        positional=True,
        shapes_product=False,
    )
    output: Path | Url = options.output(urls=True)
    license: str = options.license_wish()
    allow: tuple[str, ...] = options.allow()
    decode: bool = option("Decode each picture to see that it is whole.", default=True)
    archives: Path | None = option(
        "Folder of old packages (PMC<id>.tar.gz, at any depth of xx/yy) to take the figures from; nothing is fetched.",
        default=None,
        metavar="DIR",
        shapes_product=False,
    )
    export: str | None = option(
        "When all is done, also write the files as shards for training, below --output.",
        default=None,
        choices=FORMS,
        shapes_product=False,
    )
    shard_files: int = option(
        "Files in a shard of --export.", default=5000, metavar="N", minimum=1, shapes_product=False
    )
    limit: int | None = option(
        "Only the first N rows of LIST.", default=None, metavar="N", minimum=1, shapes_product=False
    )
    shard: tuple[int, int] | None = options.shard()
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
        if self.from_packages and self.runner != "local":
            raise UsageError(
                "--runner ray fetches from the bucket: packages are read on this machine.",
                hint="Leave --runner out, or the packages.",
            )
        check(self.output, self.state)
        if isinstance(self.output, Url) and self.export:
            raise UsageError("--export needs an --output on this machine.", hint="Leave one of them out.")
        if self.from_packages and self.license != "any":
            raise UsageError(
                "A package does not tell its licence before it is read.",
                hint="Leave --license out, or the packages.",
            )

    idle = staticmethod(choice.idle_names)

    @property
    def addresses(self) -> dict[str, str]:
        """Every service's address."""
        return services.addresses(self.base_url)

    @property
    def from_packages(self) -> bool:
        """Whether the figures come from old packages rather than from the bucket."""
        return self.archives is not None or bool(self.addresses["packages"])

    @property
    def place(self) -> Path:
        """Where files are made: the output, or, of one in a store, where they wait to be put there."""
        return here(self.output, self.state)

    @property
    def folder(self) -> Path:
        """Where plan and ledger lie."""
        return self.state or state_of(self.place, "images")

    @property
    def transfer(self) -> Transfer:
        """The limits of the network's use."""
        return Transfer(self.concurrency, self.bandwidth or 0.0, self.timeout)
