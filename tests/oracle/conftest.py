"""Where the recordings lie; all of this folder is skipped where they, or the packages that run models, are not."""

from __future__ import annotations

from pathlib import Path

import pytest

ORACLE = Path(__file__).parents[2].parent / "shared" / "oracle"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not ORACLE.is_dir():
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="../shared/oracle is not there"))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    pytest.importorskip("torch").set_num_threads(1)
    pytest.importorskip("transformers")
