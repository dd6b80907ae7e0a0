"""The tutorial from a bare machine to a package in the browser: its commands, and what is seen."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from artifactstore import embedded
from tests.directories import public_directory
from tests.docs.snippets import DOCS, assert_shown, await_line, run_session, run_shell, shell_beside, snippets
from tests.timing import PATIENCE

_PAGE = DOCS / "tutorial" / "ten-minutes.md"
_ENVIRONMENT = {"DATABASE_URL": "", "ARTIFACTSTORE_URL": "", "ARTIFACTSTORE_TOKEN": ""}


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where the reader sits."""
    with public_directory("as-tutorial-") as made:
        yield made
        embedded.stop(made / "registry")


def _lines(page: Page) -> str:
    """The events of the log as the tutorial writes them: number, type and what it says, a line each."""
    rows = page.locator("#events > li").all()
    cells = [[row.locator(part).inner_text() for part in (".number", ".type", ".says")] for row in rows]
    return "\n".join(" ".join(row) for row in cells)


def test_from_a_directory_to_the_package_in_the_browser(directory: Path, browser: Browser) -> None:
    blocks = [block for block in snippets(_PAGE) if block.language in ("sh", "text")]
    ingest, shown, serve, listens, before, change, after = blocks
    (told,) = run_session([ingest, shown], directory, _ENVIRONMENT)
    assert_shown(shown.text, told)

    # Any free port instead of the page's; and the first terminal is the one that is exported to.
    serving = f"{ingest.text.splitlines()[0]}\n{serve.text.rstrip()} --port 0"
    output = directory / "service.output"
    with shell_beside(serving, directory, _ENVIRONMENT, output) as process:
        port = await_line(r"^listens +http://127\.0\.0\.1:(\d+)$", output, process)
        assert_shown(listens.text.replace("8321", port), output.read_text())
        page = browser.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        (address,) = re.findall(r"Open `(.+?)`", _PAGE.read_text(encoding="utf-8"))
        page.goto(address.replace("8321", port))
        page.get_by_label("Token").fill((directory / "registry" / "token").read_text().strip())
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#events")).to_be_visible()
        assert _lines(page) == before.text.strip()

        assert run_shell(change.text, directory, _ENVIRONMENT).returncode == 0
        expect(page.locator("#events > li").first).to_contain_text("contract", timeout=PATIENCE * 1000)
        assert _lines(page) == f"{after.text.strip()}\n{before.text.strip()}"
        page.close()
