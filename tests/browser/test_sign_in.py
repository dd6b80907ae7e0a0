"""Signing in and out in a browser, with and without script."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Tab
from tests.browser.conftest import Explorer

OpenTab = Callable[..., Tab]


@pytest.mark.parametrize("scripts", [True, False])
def test_in_to_where_one_wanted_and_out_again(open_tab: OpenTab, explorer: Explorer, scripts: bool) -> None:
    tab = open_tab(None, scripts=scripts)
    page = tab.go("/ui/?actor=user%3Aoperator&limit=2")
    expect(page.get_by_label("Token")).to_be_focused()
    tab.expected_status = 401
    page.keyboard.type("ast_no-token")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("unauthorized")
    page.get_by_label("Token").fill(explorer.service.tokens["reader"])
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{explorer.service.url}/ui/?actor=user%3Aoperator&limit=2")
    expect(page.locator("#events > li")).to_have_count(2)
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert page.context.cookies() == []
    tab.go("/ui/events/1")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_the_root_leads_a_browser_to_the_explorer(open_tab: OpenTab, explorer: Explorer) -> None:
    page = open_tab().go("/")
    expect(page).to_have_url(f"{explorer.service.url}/ui/")
