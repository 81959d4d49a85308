"""``medcli.download``: what the commands under ``medcli download`` do, as one function."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from medcli.data.articles.spec import ArticlesSpec
from medcli.data.datasets.spec import DatasetSpec
from medcli.data.images.spec import ImagesSpec
from medcli.data.result import Result
from medcli.errors import UsageError
from medcli.storage import Url, given

_PATHS = ("output", "state", "archives", "pmcids", "local")
_LISTS = ("allow", "base_url", "language", "split", "revision")


def download(what: str, *arguments: str | os.PathLike[str], **options: Any) -> Result:
    """Fetch figures, articles or datasets; what ``medcli download`` does.

    Parameters
    ----------
    what
        ``images``, ``articles`` or ``dataset``.
    *arguments
        For images, the list; for datasets, their names.
    **options
        The fields of :class:`medcli.data.images.spec.ImagesSpec`, :class:`medcli.data.articles.spec.ArticlesSpec` or
        :class:`medcli.data.datasets.spec.DatasetSpec`.

    Returns
    -------
    Result
        ``facts`` are what ``--json`` prints.

    Raises
    ------
    UsageError, InputError, SetupError
        As the command's exit codes 2, 4 and 3.

    Examples
    --------
    >>> medcli.download("images", "llava_med_image_urls.jsonl", output="pmc")  # doctest: +SKIP
    """
    for name in _PATHS:
        if options.get(name) is not None:
            options[name] = _place(options[name]) if name == "output" else Path(options[name])
    for name in _LISTS:
        if isinstance(options.get(name), str):
            options[name] = (options[name],)
    try:
        if what == "images":
            options |= dict(zip(("list",), map(Path, arguments), strict=True))
            from medcli.data.images.job import download_images

            return download_images(ImagesSpec(**options))
        if what == "articles" and not arguments:
            from medcli.data.articles.job import download_articles

            return download_articles(ArticlesSpec(**options))
        if what == "dataset":
            if isinstance(options.get("output"), Url):
                raise UsageError("Datasets are prepared on this machine.", hint="Give --output a path.")
            from medcli.data.datasets.job import download_datasets

            return download_datasets(DatasetSpec(tuple(map(str, arguments)), **options))
    except (TypeError, ValueError) as error:
        raise UsageError(f"{error}") from None
    raise UsageError("There is no such thing to download.", hint="It is images, articles or dataset.")


def _place(output: str | os.PathLike[str]) -> Path | Url:
    return given(output) if isinstance(output, str) else Path(output)
