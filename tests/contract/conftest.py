"""One Ray cluster for all tests of a run that work on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import ray_nodes


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[ray_nodes.Node]:
    with ray_nodes.cluster(4) as node:
        yield node


@pytest.fixture(autouse=True)
def _cluster(request: pytest.FixtureRequest) -> None:
    where = getattr(request.node, "callspec", None) and request.node.callspec.params.get("where", "")
    if str(where).startswith("ray"):
        request.getfixturevalue("ray_cluster")
