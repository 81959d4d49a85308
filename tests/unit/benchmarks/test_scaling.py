"""docs/scaling.md says what its figures give, and each figure says where it is from."""

from __future__ import annotations

import tomllib

from benchmarks import scaling


def test_the_page_is_computed_from_the_figures() -> None:
    facts = tomllib.loads(scaling.FACTS.read_text(encoding="utf-8"))
    page = scaling.PAGE.read_text(encoding="utf-8")
    assert scaling.weave(page, facts) == page, "python -m benchmarks.scaling --page docs/scaling.md"
    assert page.count("| 100,000,000 |") == len(facts["job"])


def test_each_figure_says_what_kind_it_is_and_where_it_is_from() -> None:
    facts = tomllib.loads(scaling.FACTS.read_text(encoding="utf-8"))
    figures = [one for job in facts["job"].values() for one in job.values() if isinstance(one, dict)]
    assert all(set(scaling.NAMES) - {"fee"} <= job.keys() for job in facts["job"].values())
    for one in [*figures, *facts["price"].values(), *facts["driver"].values()]:
        assert one["kind"] in scaling.KINDS
        assert len(one["from"]) > 7


def test_a_million_is_a_thousand_thousands() -> None:
    one = {name: {"value": 3.6} for name in scaling.NAMES}
    price = {
        name: {"value": 1.0}
        for name in ("core_hour", "gpu_hour", "gb_month", "thousand_puts", "thousand_gets")
    }
    told = scaling.cost(one, price, 1000)
    assert told["core_hours"] == told["gpu_hours"] == 1
    assert told["compute"] == 2
    assert told["requests"] == 7200
    assert told["asking"] == 7.2
    assert scaling.size(53e12) == "53 TB"
    assert scaling.size(2.5e15) == "2.5 PB"
