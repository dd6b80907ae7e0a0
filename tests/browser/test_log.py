"""The log in a browser: it is live, going back keeps the place, and what it is asked for is in the URL."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Tab
from tests.browser.conftest import Explorer
from tests.http.running import Registry
from tests.timing import SOON

OpenTab = Callable[..., Tab]
_SOON_MS = 1_000 * SOON


def numbers(page: Page) -> list[int]:
    """The events that the page shows."""
    return [int(text) for text in page.locator("#events .number").all_inner_texts()]


def test_what_is_appended_is_there_without_asking_and_nothing_moves(
    open_tab: OpenTab, registry: Registry
) -> None:
    page = open_tab().go("/ui/?limit=5")
    expect(page.locator("#live")).to_have_text("Live", timeout=_SOON_MS)
    before = numbers(page)
    page.locator("#events .number").nth(1).focus()
    package = registry.package()
    newest = page.locator("#events > li").first
    expect(newest).to_have_attribute("data-sequence", str(before[0] + 1), timeout=_SOON_MS)
    assert numbers(page) == [before[0] + 1, *before[:4]]
    assert page.evaluate("document.activeElement.textContent") == str(before[1])
    expect(page.locator("#live")).to_have_text("Live: 1 new event")
    registry.post(f"{package}/delete", {"reason": "it was a test"})
    expect(newest).to_contain_text("deleted; can be restored: it was a test", timeout=_SOON_MS)
    oldest = numbers(page)[-1]
    page.get_by_role("link", name="Older").click()
    assert numbers(page)[0] == oldest - 1


def test_a_page_that_asks_for_something_hears_of_that_alone(open_tab: OpenTab, registry: Registry) -> None:
    page = open_tab().go("/ui/?action=v1.package.deleted&limit=5")
    expect(page.locator("#live")).to_have_text("Live", timeout=_SOON_MS)
    shown = numbers(page)
    package = registry.package()
    registry.post(f"{package}/delete", {"reason": "r"})
    expect(page.locator("#events > li").first).to_have_attribute(
        "data-sequence", str(registry.head()), timeout=_SOON_MS
    )
    assert numbers(page)[1:] == shown[:4]


def test_nothing_becomes_something(open_tab: OpenTab, registry: Registry) -> None:
    package = registry.package()
    page = open_tab().go(f"/ui/?package={package.split('/')[-1]}&action=v1.package.yanked")
    expect(page.locator("#live")).to_have_text("Live", timeout=_SOON_MS)
    assert numbers(page) == []
    registry.file(package)
    registry.post(f"{package}/seal")
    registry.post(f"{package}/yank", {"reason": "r"})
    expect(page.locator("#events > li")).to_have_count(1, timeout=_SOON_MS)
    expect(page.locator("#nothing")).to_have_count(0)


def test_a_token_that_is_revoked_ends_it(open_tab: OpenTab, registry: Registry) -> None:
    made = registry.post("/tokens", {"actor": "user:leaving", "roles": ["reader"]})
    tab = open_tab(made["token"])
    page = tab.go("/ui/")
    expect(page.locator("#live")).to_have_text("Live", timeout=_SOON_MS)
    registry.post(f"/tokens/{made['token_id']}/revoke")
    registry.package()
    expect(page.locator("#live")).to_contain_text("Not live", timeout=_SOON_MS)
    tab.go("/ui/", 401)
    expect(page.get_by_role("heading", level=1)).to_have_text("No valid access token was given")
    page.get_by_role("link", name="Sign in").click()
    expect(page.get_by_label("Token")).to_be_focused()
    tab.faults = [fault for fault in tab.faults if "401" not in fault]


@pytest.mark.parametrize("scripts", [True, False])
def test_going_back_keeps_the_place(open_tab: OpenTab, registry: Registry, scripts: bool) -> None:
    page = open_tab(scripts=scripts).go("/ui/?limit=5")
    page.get_by_role("link", name="Older").click()
    older, url = numbers(page), page.url
    registry.package()
    page.locator("#events .number").nth(2).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Event {older[2]}")
    page.go_back()
    assert (numbers(page), page.url) == (older, url)
    page.get_by_role("link", name="Newer").click()
    assert numbers(page)[-1] == older[0] + 1


@pytest.mark.parametrize("scripts", [True, False])
def test_what_is_asked_for_is_in_the_url_and_in_the_form(
    open_tab: OpenTab, explorer: Explorer, scripts: bool
) -> None:
    page = open_tab(scripts=scripts).go("/ui/")
    page.get_by_label("Package", exact=True).fill("PKG:Generic/hostile@1")
    page.get_by_label("Type").select_option("v1.retention.*")
    page.get_by_text("Time and subject").click()
    page.get_by_label("From", exact=True).fill("2020-01-01")
    page.get_by_role("button", name="Show").click()
    asked = {name: value for name, (value,) in parse_qs(urlsplit(page.url).query).items()}
    assert asked == {"package": "PKG:Generic/hostile@1", "action": "v1.retention.*", "from": "2020-01-01"}
    assert page.get_by_label("Package", exact=True).input_value() == "PKG:Generic/hostile@1"
    assert page.get_by_label("Type").input_value() == "v1.retention.*"
    assert page.get_by_label("From", exact=True).input_value() == "2020-01-01"
    types = set(page.locator("#events .type").all_inner_texts())
    assert types == {"retention.applied", "retention.hold_placed"}
    assert set(page.locator("#events .purl").all_inner_texts()) == {explorer.names["purl"]}
    page.get_by_role("link", name="Clear").click()
    assert urlsplit(page.url).query == ""


def test_what_else_the_same_request_did(open_tab: OpenTab, explorer: Explorer) -> None:
    first = int(explorer.names["first"])
    page = open_tab().go(f"/ui/events/{first + 1}")
    page.get_by_role("link", name="All 3 events of the request").click()
    assert numbers(page) == [first + 2, first + 1, first]


def test_an_id_can_be_copied(open_tab: OpenTab, explorer: Explorer) -> None:
    page = open_tab().go(f"/ui/events/{explorer.names['sequence']}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    whole = page.locator("code[data-full^=blake3]").inner_text()
    page.get_by_role("button", name=f"Copy {whole[:40]}").click()
    expect(page.get_by_role("button", name=f"Copy {whole[:40]}")).to_have_text("copied")
    assert page.evaluate("navigator.clipboard.readText()") == whole
