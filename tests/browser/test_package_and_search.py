"""The past of a package by a slider, and a file that is looked for by its content, as people do it."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Tab
from tests.browser.conftest import Explorer
from tests.http.running import Registry

OpenTab = Callable[..., Tab]
CONTENT = b"dropped\n" * 1_000

_DROP = """async (content) => {
    const data = new DataTransfer();
    data.items.add(new File([content], "dropped.txt"));
    for (const type of ["dragover", "drop"]) {
        const event = new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true});
        document.body.dispatchEvent(event);
    }
}"""


def asked(page: Page) -> dict[str, list[str]]:
    """The query of the page that is shown."""
    return parse_qs(urlsplit(page.url).query)


@pytest.mark.parametrize("scripts", [True, False])
def test_the_slider_and_its_button_lead_to_the_past(
    open_tab: OpenTab, explorer: Explorer, registry: Registry, scripts: bool
) -> None:
    page = open_tab(scripts=scripts).go(f"/ui/packages/{explorer.names['purl']}")
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.locator("form.slide").get_by_role("button").click()
    expect(page.locator("p.then")).to_be_visible()
    events = registry.get("/audit", package=explorer.names["purl"], limit=1_000)["events"]
    assert asked(page) == {"at": [str(events[-2]["sequence"])]}
    assert slider.input_value() == "2"


def test_letting_the_slider_go_is_enough_with_a_script(open_tab: OpenTab, explorer: Explorer) -> None:
    page = open_tab().go(f"/ui/packages/{explorer.names['purl']}")
    slider = page.get_by_role("slider")
    slider.click(position={"x": 3, "y": 10})
    expect(page.locator("p.then")).to_be_visible()
    assert slider.input_value() == "1"
    assert set(asked(page)) == {"at"}


def test_a_number_of_the_log_leads_there_too(open_tab: OpenTab, explorer: Explorer) -> None:
    page = open_tab(scripts=False).go(f"/ui/packages/{explorer.names['purl']}")
    page.get_by_label("or after event").fill(explorer.names["first"])
    page.keyboard.press("Enter")
    expect(page.locator("p.then")).to_be_visible()
    assert asked(page) == {"at": [explorer.names["first"]]}


@pytest.mark.parametrize("way", ["chosen", "dropped"])
def test_a_file_is_found_by_its_content_which_stays_here(
    open_tab: OpenTab, registry: Registry, tmp_path: Path, way: str
) -> None:
    digest = sha256(CONTENT).hexdigest()
    file = registry.file(registry.package(), "dropped.txt", sha256=digest, size=len(CONTENT))
    page = open_tab().go("/ui/search")
    if way == "chosen":
        path = tmp_path / "file"
        path.write_bytes(CONTENT)
        page.get_by_label("Or drop a file here").set_input_files(path)
    else:
        page.evaluate(_DROP, CONTENT.decode())
    row = page.locator(f"tr[data-file='{file.removeprefix('/files/')}']")
    expect(row).to_be_visible()
    assert asked(page) == {"q": [f"sha256:{digest}"]}
