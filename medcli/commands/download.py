"""``medcli download``: options to a Spec, the domain's work, its words or one JSON document."""

from __future__ import annotations

import click

from medcli import console
from medcli.commands.options import from_spec
from medcli.data.articles.spec import ArticlesSpec
from medcli.data.datasets.listing import ListSpec, listing
from medcli.data.datasets.spec import DatasetSpec
from medcli.data.images.spec import ImagesSpec
from medcli.data.result import Result

_CODES = (
    "Exit codes: 0 all there (or gone, blocked, retracted: said so), 2 usage, 3 set-up, 4 input unusable, 5 some rows"
    " failed, 130 interrupted: the same command resumes."
)
_json = click.option(
    "--json",
    "as_json",
    is_flag=True,
    allow_from_autoenv=False,
    help="Print one JSON document instead of a table.",
)


@click.group(subcommand_metavar="COMMAND [ARGS]...")
def download() -> None:
    """Fetch figures and articles of PubMed Central, and public datasets."""


@download.command(epilog=_CODES)
@from_spec(ImagesSpec)
@_json
def images(spec: ImagesSpec, *, as_json: bool) -> int:
    """Fetch figures of PubMed Central by a list.

    Each row becomes a file in --output/images, named by its id and its true type. What is there and right is never
    fetched again. manifest.jsonl tells of every file, missing.jsonl of every row without one.

    \b
    medcli download images llava_med_image_urls.jsonl --output pmc
    medcli download images train/radiology/dlinks.txt --output roco --license commercial
    medcli download images list.jsonl --output pmc --dry-run
    """  # noqa: D301 - Click wants the character
    from medcli.data.images.job import download_images
    from medcli.data.progress import Meter

    return _tell(download_images(spec, lambda rows: Meter("Fetching", total=rows)), as_json=as_json)


@download.command(epilog=_CODES, short_help="Fetch articles, their figures and captions.")
@from_spec(ArticlesSpec)
@_json
def articles(spec: ArticlesSpec, *, as_json: bool) -> int:
    """Fetch articles of PubMed Central with their figures, captions and mentions.

    JATS files go to --output/articles, figures to --output/images, a record a figure to captions.jsonl, which
    generate-instruct takes. Set NCBI_API_KEY for more than three queries a second.

    \b
    medcli download articles --pmcids numbers.txt --output pmc
    medcli download articles --query "chest x-ray[title]" --email me@example.org --output pmc --license commercial
    """  # noqa: D301 - Click wants the character
    from medcli.data.articles.job import download_articles
    from medcli.data.progress import Meter

    return _tell(download_articles(spec, lambda rows: Meter("Fetching", total=rows)), as_json=as_json)


@download.command(epilog=_CODES, short_help="Fetch and prepare public datasets.")
@from_spec(DatasetSpec)
@_json
def dataset(spec: DatasetSpec, *, as_json: bool) -> int:
    """Fetch public medical question-answering datasets and prepare them.

    Files go to --output/NAME/source, verified by their hashes; each split gets a folder with questions.jsonl and its
    pictures, which ask and evaluate take as they are. The Hub follows HF_ENDPOINT.

    \b
    medcli download dataset vqa-rad slake --output data
    medcli ask --questions data/vqa-rad/test/questions.jsonl --output answers.jsonl
    medcli download dataset mimic-cxr-vqa --local ~/mimic-cxr-vqa/dataset --output data
    """  # noqa: D301 - Click wants the character
    from medcli.data.datasets.job import download_datasets
    from medcli.data.progress import Meter

    return _tell(
        download_datasets(spec, lambda name, count, watch: Meter(name, total=count, watch=watch)),
        as_json=as_json,
    )


@download.command("list", epilog="Exit codes: 0, 2 usage.", short_help="List datasets, or licences.")
@from_spec(ListSpec)
@_json
def list_(spec: ListSpec, *, as_json: bool) -> int:
    """List the datasets that medcli knows: licence, size, and what has to be signed first.

    \b
    medcli download list
    medcli download list --licenses
    """  # noqa: D301 - Click wants the character
    return _tell(listing(spec), as_json=as_json)


def _tell(result: Result, *, as_json: bool) -> int:
    console.document(result.facts) if as_json else console.out(result.text)
    return result.exit_code
