"""/docs in a browser: every operation is there, under a strict policy, without leaving the origin."""

from collections.abc import Callable

from artifactstore.http.routes import ENDPOINTS
from tests.browser.axe import serious
from tests.browser.chromium import NARROW, Tab
from tests.browser.conftest import Explorer
from tests.timing import PATIENCE

OpenTab = Callable[..., Tab]

_SHOWN = 3 * PATIENCE * 1_000
"""Milliseconds until it is there on a busy machine: a megabyte of script, and a hundred operations."""


def test_every_operation_is_shown(open_tab: OpenTab) -> None:
    """Tabs have no fault: a violation of the policy, an error, a request elsewhere (see ``Tab``)."""
    page = open_tab(None).go("/docs")
    page.wait_for_selector(".opblock", timeout=_SHOWN)
    shown = page.locator(".opblock-summary").evaluate_all(
        """all => all.map(one => one.querySelector(".opblock-summary-method").innerText + " "
            + one.querySelector(".opblock-summary-path").dataset.path)"""
    )
    assert sorted(shown) == sorted(f"{one.method} {one.path}" for one in ENDPOINTS)


def test_an_operation_is_told_in_full_and_can_be_tried(open_tab: OpenTab, explorer: Explorer) -> None:
    """With the token of a reader, which the page keeps nowhere."""
    page = open_tab(None).go("/docs")
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_label("auth-bearer-value").fill(explorer.service.tokens["reader"])
    page.get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close", exact=True).click()
    page.locator("#operations-packages-get_packages .opblock-summary-control").click()
    page.get_by_text("packages whose canonical purl begins so").wait_for()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    page.locator(".live-responses-table").get_by_text("200", exact=True).wait_for()
    page.goto(f"{explorer.service.url}/docs")
    page.wait_for_selector(".opblock", timeout=_SHOWN)
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]


def test_axe_finds_nothing_serious(open_tab: OpenTab) -> None:
    """With an operation told in full, beside all the others."""
    page = open_tab(None).go("/docs")
    page.wait_for_selector(".opblock", timeout=_SHOWN)
    page.locator("#operations-packages-post_packages .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").wait_for()
    assert serious(page) == []


def test_it_fits_a_narrow_screen(open_tab: OpenTab) -> None:
    page = open_tab(None, width=NARROW).go("/docs")
    page.wait_for_selector(".opblock", timeout=_SHOWN)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW


def test_without_a_script_it_says_where_the_document_is(open_tab: OpenTab) -> None:
    page = open_tab(None, scripts=False).go("/docs")
    assert page.get_by_role("link", name="openapi.json").get_attribute("href") == "openapi.json"
