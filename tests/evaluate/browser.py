"""A headless Chromium, driven over the WebDriver protocol (W3C) that chromedriver speaks: no package is needed."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

AVAILABLE = bool(shutil.which("chromedriver") and shutil.which("chromium"))


class Browser:
    def __init__(self, address: str, session: str) -> None:
        self._address, self._session = address, session

    def _call(self, method: str, path: str, **content: Any) -> Any:
        return call(f"{self._address}/session/{self._session}/{path}", method, content)

    def open(self, url: str) -> None:
        self._call("POST", "url", url=url)

    def run(self, script: str, *arguments: Any) -> Any:
        return self._call("POST", "execute/sync", script=script, args=list(arguments))

    def _find(self, selector: str) -> str:
        found = self._call("POST", "element", using="css selector", value=selector)
        return next(iter(found.values()))

    def click(self, selector: str) -> None:
        self._call("POST", f"element/{self._find(selector)}/click")

    def type(self, selector: str, text: str) -> None:
        self._call("POST", f"element/{self._find(selector)}/value", text=text)

    def choose(self, selector: str, value: str) -> None:
        """Pick an option of a select by its value, as a click on it does."""
        self.click(f'{selector} option[value="{value}"]')

    def text(self, selector: str) -> str:
        return self._call("GET", f"element/{self._find(selector)}/text")

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._call("GET", "screenshot")))

    def problems(self) -> list[str]:
        """What the page's console complained of."""
        found = call(f"{self._address}/session/{self._session}/se/log", "POST", {"type": "browser"})
        return [entry["message"] for entry in found if entry["level"] in ("SEVERE", "WARNING")]


def call(url: str, method: str, content: Any) -> Any:
    body = json.dumps(content).encode() if method == "POST" else None
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as response:
            return json.load(response)["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from None


@contextlib.contextmanager
def chromium(folder: Path, *, width: int = 1280, height: int = 1600) -> Iterator[Browser]:
    """Start a browser whose profile and home lie in a folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}", "--log-level=OFF"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    flags = [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
        f"--window-size={width},{height}", f"--user-data-dir={folder / 'profile'}", "--disable-background-networking",
    ]  # fmt: skip
    wishes = {
        "browserName": "chrome",
        "goog:chromeOptions": {"args": flags},
        "goog:loggingPrefs": {"browser": "ALL"},
    }
    try:
        _wait(address)
        session = call(f"{address}/session", "POST", {"capabilities": {"alwaysMatch": wishes}})["sessionId"]
        try:
            yield Browser(address, session)
        finally:
            call(f"{address}/session/{session}", "DELETE", {})
    finally:
        driver.terminate()
        driver.wait(10)


def _wait(address: str) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError):
            if call(f"{address}/status", "GET", {})["ready"]:
                return
        time.sleep(0.05)
    raise AssertionError("chromedriver did not start")
