"""Reviews of two assistants: their files, ours and both of LLaVA-Med's generations, and their summary.

Knows ``gpt_eval`` (v1.5) and ``result`` (v1.0) as what a judge said with the reference first, and ``swapped`` as
medcli's second opinion with the order turned. Source of the relative score: LLaVA-Med's summariser, the mean over rows
of (score of the model / score of the reference) x 100; groups by type, by the first true domain, and all. A row that
cannot be read is listed and costs nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medcli.errors import InputError
from medcli.evaluate import statistics
from medcli.evaluate.judge.verdicts import scores_of
from medcli.reading import values
from medcli.records import domain_of

FIRST, SWAPPED = "gpt_eval", "swapped"


@dataclass(frozen=True, slots=True)
class Review:
    """Scores of one question's two answers.

    Attributes
    ----------
    question_id : object
        The question's.
    kind, domain, image : str
        What figures are grouped by, and the picture.
    reference, model : float
        Scores from 0 to 10; means of two opinions where there are two.
    first : (float, float) or None
        Reference's and model's score where the reference stood first, as published.
    opinions : int
        1, or 2 where both orders were judged.
    """

    question_id: Any
    kind: str
    domain: str
    image: str
    reference: float
    model: float
    first: tuple[float, float] | None
    opinions: int


def review_of(row: Mapping[str, Any]) -> Review | str:
    """Read a row; or say why it cannot be read: ``no-review``, ``unreadable-review``, ``reference-scored-zero``."""
    said = [row.get(FIRST, row.get("result")), row.get(SWAPPED)]
    if not any(isinstance(one, str) and one.strip() for one in said):
        return "no-review"
    first = scores_of(said[0]) if isinstance(said[0], str) else None
    turned = scores_of(said[1]) if isinstance(said[1], str) else None
    if (first is None and isinstance(said[0], str)) or (turned is None and isinstance(said[1], str)):
        return "unreadable-review"
    pairs = [pair for pair in (first, turned and turned[::-1]) if pair]
    reference, model = (sum(pair[side] for pair in pairs) / len(pairs) for side in (0, 1))
    if not reference or (first and not first[0]):
        return "reference-scored-zero"
    kind, image = str(row.get("type") or ""), str(row.get("image") or row.get("pair_id") or "")
    number = row.get("question_id", row.get("id"))
    return Review(number, kind, domain_of(row), image, reference, model, first, len(pairs))


def read(path: Path) -> tuple[list[Review], list[tuple[Any, str]]]:
    """Read a file of reviews.

    Returns
    -------
    list of Review, and list of (id or line, reason)

    Raises
    ------
    InputError
        If no row of it is a review.
    """
    found: list[Review] = []
    lost: list[tuple[Any, str]] = []
    for value in values(path, "file of reviews"):
        if not isinstance(value.value, dict):
            lost.append((f"line {value.number}", value.error or "not-an-object"))
            continue
        review = review_of(value.value)
        if isinstance(review, Review):
            found.append(review)
        else:
            lost.append(
                (value.value.get("question_id", value.value.get("id", f"line {value.number}")), review)
            )
    if not found:
        raise InputError("No row of the file holds a review that can be read.", hint="See docs/evaluate.md.")
    return found, lost


def summarize(reviews: Iterable[Review], *, resamples: int = 2000, seed: int = 0) -> list[dict[str, Any]]:
    """Summarise reviews by type, by domain and together.

    Returns
    -------
    list of dict
        ``group, value, n, images``; means ``reference`` and ``model``; ``relative`` (mean of ratios, as published, in
        percent) with ``relative_low, relative_high``; ``ratio_of_means`` with bounds; ``win_rate`` (ties count half);
        ``relative_reference_first`` where that order was judged.
    """
    held = list(reviews)
    return [
        _summary(group, value, members, resamples, seed) for group, value, members in _groups(held) if members
    ]


def _groups(held: list[Review]) -> Iterator[tuple[str, str, list[Review]]]:
    for kind in sorted({one.kind for one in held} - {""}):
        yield "type", kind, [one for one in held if one.kind == kind]
    for domain in sorted({one.domain for one in held} - {""}):
        yield "domain", domain, [one for one in held if one.domain == domain]
    yield "overall", "", held


def _summary(group: str, value: str, members: list[Review], resamples: int, seed: int) -> dict[str, Any]:
    import numpy as np

    numbers = np.array([[one.reference, one.model, one.model / one.reference, _win(one)] for one in members])
    images: dict[str, int] = {}
    clusters = np.array(
        [images.setdefault(one.image or f"\0{at}", len(images)) for at, one in enumerate(members)]
    )
    reference, model, relative, wins = (float(one) for one in numbers.mean(0))
    told: dict[str, Any] = {
        "group": group,
        "value": value,
        "n": len(members),
        "images": len(images),
        "reference": reference,
        "model": model,
        "relative": 100 * relative,
        "ratio_of_means": 100 * model / reference,
        "win_rate": 100 * wins,
    }
    if resamples and len(images) > 1:
        means = statistics.means_of_resamples(*statistics.sums(numbers, clusters), resamples, seed)
        drawn = {
            "relative": 100 * means[:, 2],
            "ratio_of_means": 100 * means[:, 1] / means[:, 0],
            "win_rate": 100 * means[:, 3],
        }
        for name, column in drawn.items():
            low, high = np.percentile(column, [2.5, 97.5])
            told |= {f"{name}_low": float(low), f"{name}_high": float(high)}
    firsts = [one.first for one in members if one.first]
    if firsts and any(one.opinions == 2 for one in members):
        told["relative_reference_first"] = 100 * sum(second / first for first, second in firsts) / len(firsts)
    return told


def _win(review: Review) -> float:
    return 0.5 if review.model == review.reference else float(review.model > review.reference)
