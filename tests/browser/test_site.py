"""The site of the documentation from a file system: its search works, and asks nobody for anything."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from docs.site.__main__ import build
from tests.timing import PATIENCE


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site of two pages, built as that of this checkout."""
    root = tmp_path / "checkout"
    (root / "docs" / "explanation").mkdir(parents=True)
    (root / "README.md").write_text("# A\n\n[feed](docs/explanation/feed.md)\n")
    (root / "docs" / "explanation" / "feed.md").write_text("# Feed\n\n## Waiting\n\nA pelican waits.\n")
    subprocess.run(["git", "init", "--quiet", root], check=True)
    assert build(root, tmp_path) == 0
    return tmp_path / "site"


def test_the_search_works_without_a_server(site: Path, browser: Browser) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Control+k")
    page.keyboard.type("pelican")
    found = page.get_by_role("option", name="Waiting")
    expect(found).to_be_visible(timeout=PATIENCE * 1000)
    found.click()
    expect(page.get_by_role("heading", name="Waiting")).to_be_visible(timeout=PATIENCE * 1000)
    assert [url for url in asked if not url.startswith("file:")] == []
    page.close()
