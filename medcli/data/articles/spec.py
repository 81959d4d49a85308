"""What `medcli download articles` can be asked for: the only home of its defaults, checks and help texts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medcli.data import options, services
from medcli.data.places import check, here, state_of
from medcli.data.transfer import Transfer
from medcli.errors import UsageError
from medcli.jobs import choice
from medcli.settings import option
from medcli.storage import Url

__all__ = ["ArticlesSpec"]


@dataclass(frozen=True, slots=True)
class ArticlesSpec:
    """Articles by number or query, and the folder that they are fetched into.

    Raises
    ------
    UsageError
        Where wishes contradict each other.
    """

    output: Path | Url = options.output(urls=True)
    pmcids: Path | None = option(
        "File of numbers, one a line: PMC4083729 or 4083729.",
        default=None,
        metavar="FILE",
        shapes_product=False,
    )
    query: str | None = option("Query of PubMed Central; open access is added.", default=None, metavar="TEXT")
    email: str | None = option(
        "Whom NCBI may write to; its rules want it with --query.",
        default=None,
        metavar="ADDRESS",
        shapes_product=False,
    )
    license: str = options.license_wish()
    allow: tuple[str, ...] = options.allow()
    images: bool = option("Fetch the figures too.", default=True)
    decode: bool = option("Decode each picture to see that it is whole.", default=True)
    limit: int | None = option(
        "Only the first N articles.", default=None, metavar="N", minimum=1, shapes_product=False
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
        check(self.output, self.state)
        if (self.pmcids is None) == (self.query is None):
            raise UsageError("Either --pmcids or --query is needed.", hint="medcli download articles --help")
        if self.query is not None and self.shard is not None:
            raise UsageError(
                "A query can find other articles each time it is asked, so it is not dealt out.",
                hint="Ask it once with --dry-run: .medcli/articles/pmcids.txt is what --pmcids takes.",
            )
        if self.query is not None and not self.email:
            raise UsageError("NCBI's rules want an address with a query.", hint="Say --email.")

    idle = staticmethod(choice.idle_names)

    @property
    def addresses(self) -> dict[str, str]:
        """Every service's address."""
        return services.addresses(self.base_url)

    @property
    def place(self) -> Path:
        """Where files are made: the output, or, of one in a store, where they wait to be put there."""
        return here(self.output, self.state)

    @property
    def folder(self) -> Path:
        """Where numbers and ledger lie."""
        return self.state or state_of(self.place, "articles")

    @property
    def transfer(self) -> Transfer:
        """The limits of the network's use."""
        return Transfer(self.concurrency, self.bandwidth or 0.0, self.timeout)
