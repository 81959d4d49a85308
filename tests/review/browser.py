"""A headless Chromium, driven by its DevTools protocol over a loopback socket: just enough to click and type."""

from __future__ import annotations

import asyncio
import base64
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
_KEYS = {"Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "End": 35, "Home": 36}


class Browser:
    """One page."""

    def __init__(self, profile: Path, *, width: int = 1400, height: int = 900) -> None:
        self._loop = asyncio.new_event_loop()
        self._profile, self._number = profile, 0
        self._process = subprocess.Popen(
            [
                CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
                "--disable-background-networking", "--disable-component-update", "--no-first-run", "--disable-sync",
                f"--user-data-dir={profile}", f"--window-size={width},{height}", "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"HOME": str(profile), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        self.requests: list[str] = []
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        marker = self._profile / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not marker.exists() or "\n" not in marker.read_text():
            if time.monotonic() > deadline:
                self.__exit__()
                raise TimeoutError("Chromium did not start")
            time.sleep(0.1)
        self._loop.run_until_complete(self._connect(int(marker.read_text().split()[0])))
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):
            self._loop.run_until_complete(self._session.close())
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._loop.close()

    async def _connect(self, port: int) -> None:
        import aiohttp

        self._session = aiohttp.ClientSession()
        async with self._session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [page for page in await answer.json() if page["type"] == "page"]
        self._socket = await self._session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask, and wait for the answer."""
        return self._loop.run_until_complete(asyncio.wait_for(self._send(method, parameters), 60))

    async def _send(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            told = await self._socket.receive_json()
            if told.get("id") == self._number:
                assert "error" not in told, told
                return dict(told["result"])
            self._hear(told)

    def _hear(self, told: dict[str, Any]) -> None:
        if told.get("method") == "Network.requestWillBeSent":
            self.requests.append(told["params"]["request"]["url"])
        elif told.get("method") == "Runtime.exceptionThrown":
            self.errors.append(
                str(told["params"]["exceptionDetails"].get("exception", {}).get("description"))
            )
        elif told.get("method") == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
            self.errors.append(told["params"]["entry"]["text"])

    def open(self, path: Path) -> None:
        """Open a file and wait until it is read."""
        self.send("Page.navigate", url=path.as_uri())
        self.wait("document.readyState === 'complete' && !!document.querySelector('.card, #facts')")

    def run(self, script: str) -> Any:
        """The value of an expression."""
        told = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, script: str, seconds: float = 30) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < deadline, script
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """Press and release a key."""
        more: dict[str, Any] = {"windowsVirtualKeyCode": _KEYS[key]} if key in _KEYS else {"text": key}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **more)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def click(self, selector: str) -> None:
        """Click the middle of an element."""
        x, y = self.middle(selector)
        self.mouse((x, y), (x, y))

    def middle(self, selector: str) -> tuple[float, float]:
        """Where an element's middle is."""
        x, y = self.run(
            f"(() => {{const r = document.querySelector({selector!r}).getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2];})()"
        )
        return float(x), float(y)

    def mouse(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the button at one place and release it at another."""
        common = {"button": "left", "buttons": 1, "clickCount": 1}
        self.send("Input.dispatchMouseEvent", type="mousePressed", x=start[0], y=start[1], **common)
        if start != end:
            self.send(
                "Input.dispatchMouseEvent",
                type="mouseMoved",
                x=(start[0] + end[0]) / 2,
                y=(start[1] + end[1]) / 2,
                **common,
            )
            self.send("Input.dispatchMouseEvent", type="mouseMoved", x=end[0], y=end[1], **common)
        self.send("Input.dispatchMouseEvent", type="mouseReleased", x=end[0], y=end[1], **common)

    def picture(self, path: Path, *, dark: bool = False) -> None:
        """A screenshot."""
        scheme = "dark" if dark else "light"
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))
