"""Bytes that could act: on the origin of the explorer nothing runs; where reports run, they reach nothing."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from artifactstore.http.pages.rendering import package_url
from tests.browser.chromium import Tab, context_of, signed_in
from tests.browser.conftest import Explorer

OpenTab = Callable[..., Tab]

_RUNS = "<script>alert(1)</script>"
ACTIVE = {
    "page.html": ("text/html", f"<!doctype html><title>x</title>{_RUNS}<img src=x onerror=alert(2)>"),
    "picture.svg": ("image/svg+xml", f'<svg xmlns="http://www.w3.org/2000/svg">{_RUNS}</svg>'),
    "paper.pdf": ("application/pdf", "%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>"),
}
"""Name → media type and bytes of what a browser would run."""

REPORT = {
    "cov/index.html": """<!doctype html><meta charset="utf-8"><title>Coverage</title>
        <link rel="stylesheet" href="../style.css"><h1 id="total">nothing ran</h1>
        <img id="logo" src="logo.svg" alt="logo"><a href="{explorer}/ui/">to the registry</a>
        <script src="js/report.js"></script>""",
    "style.css": "h1 {{ color: rgb(1, 2, 3); }}",
    "cov/logo.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"></svg>',
    "cov/data.json": '{{"total": "87 %"}}',
    "cov/js/report.js": """(async () => {{
        const tried = {{}};
        async function attempt(name, act) {{
            try {{ tried[name] = String(await act()); }} catch (error) {{ tried[name] = error.name; }}
        }}
        const asked = {{ credentials: "include" }};
        await attempt("cookie", () => document.cookie);
        await attempt("storage", () => localStorage.length);
        await attempt("page", async () => (await fetch("{explorer}/ui/", asked)).status);
        await attempt("api", async () => (await fetch("{explorer}/packages", asked)).status);
        await attempt("elsewhere", async () => (await fetch("https://example.org/")).status);
        await attempt("origin", () => self.origin);
        document.getElementById("total").textContent = (await (await fetch("data.json")).json()).total;
        document.body.dataset.tried = JSON.stringify(tried);
    }})();""",
}
"""A report as tools make them: its paths, and what is there."""


@pytest.fixture(scope="module")
def package(explorer: Explorer) -> dict[str, Any]:
    """A package with a report, and with files that could act."""
    path = explorer.shelf.registry.package(purl="pkg:generic/report@1")
    for name, text in REPORT.items():
        told = text.format(explorer=explorer.service.url)
        explorer.shelf.file(path, name, told.encode())
    files = {name: explorer.shelf.file(path, name, text.encode(), Content_Type=media_type)
             for name, (media_type, text) in ACTIVE.items()}  # fmt: skip
    return {"path": path, "files": files}


@pytest.fixture
def page(browser: Browser, explorer: Explorer) -> Iterator[Page]:
    """A page of who signed in to the explorer, and may go elsewhere."""
    context = context_of(browser)
    signed_in(context, explorer.service.url, explorer.service.tokens["reader"])
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", ACTIVE)
def test_nothing_runs_on_the_origin_of_the_explorer(
    open_tab: OpenTab, package: dict[str, Any], name: str
) -> None:
    """It is kept, not looked at: a dialog would be a fault of the tab."""
    tab = open_tab()
    with tab.page.expect_download() as waiting, suppress(Error):
        tab.page.goto(f"{tab.url}/ui/files/{package['files'][name]['file_id']}/content")
    assert waiting.value.suggested_filename == name
    assert tab.page.url == "about:blank"


@pytest.mark.usefixtures("package")
def test_a_report_is_shown_whole_and_reaches_nothing_else(page: Page, explorer: Explorer) -> None:
    here = explorer.service.url
    page.goto(here + package_url("pkg:generic/report@1"))
    page.locator("tr", has_text="cov/index.html").get_by_text("View report").click()
    expect(page.locator("#total")).to_have_text("87 %")
    expect(page.locator("body[data-tried]")).to_be_attached()
    assert page.url.startswith(here.replace("127.0.0.1", "content.localhost") + "/c/")
    assert page.evaluate("getComputedStyle(document.getElementById('total')).color") == "rgb(1, 2, 3)"
    assert page.evaluate("document.getElementById('logo').naturalWidth") == 8
    tried = json.loads(page.locator("body").get_attribute("data-tried") or "")
    assert tried == {
        "cookie": "SecurityError",
        "storage": "SecurityError",
        "page": "TypeError",
        "api": "TypeError",
        "elsewhere": "TypeError",
        "origin": "null",
    }
    # Who is led to the registry from there comes without a cookie.
    page.get_by_text("to the registry").click()
    expect(page).to_have_url(f"{here}/ui/sign-in?next=/ui/")


def test_a_report_is_read_without_a_token_but_not_without_its_ticket(
    browser: Browser, explorer: Explorer, package: dict[str, Any]
) -> None:
    told = explorer.shelf.registry.post(f"{package['path']}/reports", {"path": "cov/index.html"})
    context = context_of(browser)
    try:
        page = context.new_page()
        answer = page.goto(told["url"])
        assert answer is not None
        assert answer.status == 200
        expect(page.locator("#total")).to_have_text("87 %")
        ticket = told["url"].split("/")[4]
        answer = page.goto(told["url"].replace(ticket, ticket[::-1]))
        assert answer is not None
        assert answer.status == 422
        assert "bad-ticket" in (page.locator("body").inner_text())
    finally:
        context.close()
