"""Words of the log that would act if they could are text in a browser."""

from collections.abc import Callable

import pytest

from tests.browser.chromium import NARROW, Tab
from tests.browser.conftest import Explorer
from tests.browser.story import CONTROL, LONG, MARKUP, TURNED

OpenTab = Callable[..., Tab]

_SEEN = {
    MARKUP: MARKUP,
    TURNED: "evil U+202Egnp.exeU+2066 U+200B end",
    LONG: LONG,
    CONTROL: "bellU+0007 escapeU+001B[31m deleteU+007F nelU+0085 lineU+2028",
}
"""What was written, and what is seen of it."""


@pytest.mark.parametrize("words", _SEEN, ids=["markup", "turned", "long", "control"])
def test_words_are_seen_as_they_are_and_do_nothing(open_tab: OpenTab, explorer: Explorer, words: str) -> None:
    """A dialog, a request or an error would be a fault of the tab."""
    operator = explorer.service.client()
    sequences = [
        event["sequence"]
        for event in operator.get("/audit", params={"package": explorer.names["purl"]}).json()["events"]
        if event["reason"] == words
    ]
    assert len(sequences) == 2
    page = open_tab(width=NARROW).go(f"/ui/?package={explorer.names['purl']}")
    for sequence in sequences:
        line = page.locator(f"li[data-sequence='{sequence}'] .says")
        assert _SEEN[words] in line.inner_text()
    page.goto(f"{explorer.service.url}/ui/events/{sequences[0]}")
    reason = page.locator("dl.tree > div", has_text="reason").locator("dd").last
    assert reason.inner_text() == _SEEN[words]
    assert page.evaluate("document.querySelectorAll('main img, main script').length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    direction = page.evaluate("getComputedStyle(document.querySelector('dl.tree dd bdi')).unicodeBidi")
    assert direction == "isolate"
