"""A real Chromium, and pages in it that note what they must not do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    sync_playwright,
)

from artifactstore.http.pages.session import COOKIE
from tests.needs import needs_program, program

Scheme = Literal["light", "dark"]
WIDE, NARROW = 1280, 320
"""CSS pixels; 320 is what WCAG 1.4.10 asks for."""

_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass
class Tab:
    """A page of a browser.

    Attributes:
        faults: what a page of ours never does: errors in the console (a violated policy is one), dialogs,
            requests to other places.
    """

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)
    expected_status: int = 200

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("dialog", self._asked_back)
        self.page.on("request", self._asked)

    def go(self, path: str, status: int = 200) -> Page:
        """Open a path, which must answer with this status."""
        self.expected_status = status
        answer = self.page.goto(self.url + path)
        assert answer is not None
        assert answer.status == status
        return self.page

    def _heard(self, message: ConsoleMessage) -> None:
        # Chromium tells the status of a page that is asked for and is an error page.
        if message.type == "error" and f"status of {self.expected_status}" not in message.text:
            self.faults.append(f"console: {message.text}")

    def _asked_back(self, dialog: Dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.url + "/", "data:")):
            self.faults.append(f"request: {request.url}")


def chromium() -> Path:
    """The program: the one that never has a window if it is there, which takes half as long."""
    return program("chromium-headless-shell") or needs_program("chromium", "chromium-headless-shell")


@contextmanager
def launched(path: Path) -> Iterator[Browser]:
    """A browser without a window, which asks nobody for anything of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def signed_in(context: BrowserContext, url: str, token: str) -> None:
    """Let the browser have the cookie of who signed in."""
    cookie: Any = {"name": COOKIE, "value": token, "url": f"{url}/ui", "httpOnly": True, "sameSite": "Strict"}
    context.add_cookies([cookie])


def context_of(
    browser: Browser, *, width: int = WIDE, scheme: Scheme = "light", scripts: bool = True
) -> BrowserContext:
    """A profile of its own."""
    size: Any = {"width": width, "height": 900}
    return browser.new_context(viewport=size, color_scheme=scheme, java_script_enabled=scripts)
