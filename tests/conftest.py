"""The walls of the test run: no network but loopback, no home, slow tests only when asked for."""

from __future__ import annotations

import ipaddress
import os
import shutil
import sys
import tempfile
from pathlib import Path

import hypothesis
import pytest

# Before any library looks: an empty home of our own, and no settings from outside.
_HOME = Path(tempfile.mkdtemp(prefix="medcli-home-"))
os.environ.update(HOME=str(_HOME), XDG_CONFIG_HOME=str(_HOME), XDG_CACHE_HOME=str(_HOME))
for _name in [name for name in os.environ if name.startswith(("MEDCLI_", "_MEDCLI_"))]:
    del os.environ[_name]

hypothesis.settings.register_profile("medcli", deadline=None, print_blob=True)
hypothesis.settings.load_profile("medcli")


def _is_loopback(address: object) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    if address[0] in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _guard(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto") and not _is_loopback(arguments[1]):
        raise PermissionError("a test reached for the network")
    if event == "socket.getaddrinfo" and not _is_loopback((arguments[0],)):
        raise PermissionError("a test reached for the network")


sys.addaudithook(_guard)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        skip = pytest.mark.skip(reason="slow; runs with --slow")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


def pytest_unconfigure() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def _home_stays_empty() -> object:
    yield
    left = [path.name for path in _HOME.iterdir()]
    for name in left:
        shutil.rmtree(_HOME / name, ignore_errors=True)
    assert not left, f"a test wrote into the home folder: {left}"
