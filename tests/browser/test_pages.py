"""Every page in a browser: for all readers, light and dark, narrow, by keyboard, with and without script."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.axe import serious
from tests.browser.chromium import NARROW, Tab
from tests.browser.conftest import Explorer
from tests.browser.pages import VIEWS, View

OpenTab = Callable[..., Tab]

_FOCUSED = """() => {
    const one = document.activeElement, style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    return one === document.body ? null
        : {seen: box.width > 1 && style.outlineStyle !== "none", what: one.outerHTML.slice(0, 200)};
}"""
_FOCUSABLE = "a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']"


def opened(open_tab: OpenTab, explorer: Explorer, view: View, **keywords: Any) -> Page:
    """The view, in a tab of its own."""
    tab = open_tab("reader" if view.signed_in else None, **keywords)
    return tab.go(explorer.path(view), view.status)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_axe_finds_nothing_serious(open_tab: OpenTab, explorer: Explorer, view: View) -> None:
    assert serious(opened(open_tab, explorer, view)) == []


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_nothing_is_wider_than_a_narrow_screen(
    open_tab: OpenTab, explorer: Explorer, view: View, scripts: bool
) -> None:
    page = opened(open_tab, explorer, view, width=NARROW, scripts=scripts)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_script_adds_but_takes_nothing_away(open_tab: OpenTab, explorer: Explorer, view: View) -> None:
    without, with_script = (
        _lines(opened(open_tab, explorer, view, scripts=scripts)) for scripts in (False, True)
    )
    assert without
    assert without <= with_script


def _lines(page: Page) -> set[str]:
    """What the page says, without the buttons of the script and what differs each time."""
    page.evaluate("document.querySelectorAll('button.copy, .ago, .request-id').forEach(one => one.remove())")
    return set(page.locator("main").inner_text().splitlines())


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_the_keyboard_reaches_all_in_order_sees_where_it_is_and_comes_out(
    open_tab: OpenTab, explorer: Explorer, view: View
) -> None:
    page = opened(open_tab, explorer, view)
    page.locator(_FOCUSABLE).first.focus()
    wanted = page.locator(_FOCUSABLE).evaluate_all("all => all.filter(one => one.checkVisibility()).length")
    reached = [page.evaluate(_FOCUSED)]
    page.keyboard.press("Tab")
    while (focused := page.evaluate(_FOCUSED)) is not None:
        reached.append(focused)
        assert len(reached) <= wanted, "it does not come out"
        page.keyboard.press("Tab")
    assert [one["what"] for one in reached[1:] if not one["seen"]] == []
    assert len(reached) == wanted
    assert 'class="skip"' in reached[0]["what"]


def test_the_skip_link_leads_behind_the_navigation(open_tab: OpenTab) -> None:
    page = open_tab().go("/ui/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "package"
