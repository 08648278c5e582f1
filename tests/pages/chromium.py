"""A real Chromium, headless, by the few WebDriver commands (W3C) that these tests need."""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=1.5",
)
WAIT_S = 30.0


class WebDriverError(Exception):
    """A command failed; the text is the driver's."""


class Chromium:
    """One window."""

    def __init__(self, port: int, session: str) -> None:
        self._port = port
        self._session = session

    def go(self, url: str) -> None:
        """Open an address and wait until it is loaded."""
        self._do("POST", "/url", {"url": url})

    @property
    def url(self) -> str:
        """Where the window is."""
        return str(self._do("GET", "/url"))

    @property
    def title(self) -> str:
        """The page's title."""
        return str(self._do("GET", "/title"))

    def text(self, selector: str = "body") -> str:
        """Return the visible text of the first element that matches."""
        return str(self._do("GET", f"/element/{self.find(selector)}/text"))

    def find(self, selector: str) -> str:
        """Return the first element that matches; the page has five seconds to have one."""
        found: dict[str, str] = self._do("POST", "/element", {"using": "css selector", "value": selector})
        return found[ELEMENT]

    def click(self, selector: str) -> None:
        """Click an element; a page that this leads to is waited for."""
        self.run("document.querySelector(arguments[0])?.scrollIntoView({block: 'center'})", selector)
        self._do("POST", f"/element/{self.find(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Type into an element."""
        self._do("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def press(self, *keys: str) -> None:
        """Press keys one after the other, where the focus is."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._do("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def focus(self, selector: str) -> None:
        """Put the focus on an element, as tabbing to it does."""
        self.run("document.querySelector(arguments[0]).focus()", selector)

    @property
    def focused(self) -> dict[str, str]:
        """The element that has the focus: its tag, name, value and text."""
        script = (
            "const e = document.activeElement;"
            "return {tag: e.localName, name: e.name || '', value: e.value || '', text: e.textContent.trim()}"
        )
        return dict(self.run(script))

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script of the test's own in the page; the page itself has none."""
        return self._do("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def is_ticked(self, selector: str) -> bool:
        """Say whether a box is ticked."""
        return bool(self._do("GET", f"/element/{self.find(selector)}/selected"))

    def wait_for_url(self, part: str) -> str:
        """Return the address once it holds `part`."""
        deadline = time.monotonic() + WAIT_S
        while part not in (url := self.url):
            if time.monotonic() > deadline:
                raise WebDriverError(f"still at {url} and not at {part}")
            time.sleep(0.05)
        return url

    def size(self, width: int, height: int) -> None:
        """Give the page a size in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1.5, "mobile": width < 600}
        self.cdp("Emulation.setDeviceMetricsOverride", metrics)

    def scheme(self, name: str) -> None:
        """Prefer `light` or `dark`."""
        self.cdp("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": name}]})

    def screenshot(self, path: Path) -> None:
        """Save the whole page, as high as it is, as PNG."""
        shot = self.cdp("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True})
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def console(self) -> list[str]:
        """Return what the browser has written to its console since the last time it was asked."""
        return [str(entry["message"]) for entry in self._do("POST", "/se/log", {"type": "browser"})]

    def windows(self) -> list[str]:
        """Return the handles of all windows."""
        return list(self._do("GET", "/window/handles"))

    def switch(self, handle: str) -> None:
        """Go to another window."""
        self._do("POST", "/window", {"handle": handle})

    def cdp(self, command: str, parameters: dict[str, Any] | None = None) -> Any:
        """Carry out a command of the DevTools protocol."""
        return self._do("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters or {}})

    def _do(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return command(self._port, method, f"/session/{self._session}{path}", body)


@contextmanager
def chromium(profile: Path, *flags: str) -> Iterator[Chromium]:
    """A window of a browser of its own, with an empty profile in `profile`, started with further flags."""
    driver = shutil.which("chromedriver")
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if driver is None or browser is None:
        raise WebDriverError("install Debian's chromium and chromium-driver, or what your system calls them")
    log = (profile / "chromedriver.log").open("w+")
    process = subprocess.Popen([driver, "--port=0"], stdout=log, stderr=subprocess.STDOUT)
    try:
        port = _port(profile / "chromedriver.log", process)
        options = {"binary": browser, "args": [*FLAGS, *flags, f"--user-data-dir={profile / 'user'}"]}
        always = {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
            "acceptInsecureCerts": True,
        }
        wanted = {"capabilities": {"alwaysMatch": always}}
        session = command(port, "POST", "/session", wanted)["sessionId"]
        command(port, "POST", f"/session/{session}/timeouts", {"implicit": 5000})
        try:
            yield Chromium(port, session)
        finally:
            command(port, "DELETE", f"/session/{session}")
    finally:
        process.terminate()
        process.wait(10)
        log.close()


def command(port: int, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Carry out one WebDriver command and return its value."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())["value"]
    finally:
        connection.close()
    if isinstance(answer, dict) and "error" in answer:
        raise WebDriverError(f"{method} {path}: {answer['error']}: {answer['message'].splitlines()[0]}")
    return answer


def parameters(url: str) -> dict[str, str]:
    """Return the parameters of an address."""
    return dict(parse_qsl(urlsplit(url).query))


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text().splitlines():
            if "started successfully on port" in line:
                return int(line.rstrip(".").rpartition(" ")[2])
        time.sleep(0.05)
    raise WebDriverError(f"chromedriver did not start: {log.read_text()[-500:]}")
