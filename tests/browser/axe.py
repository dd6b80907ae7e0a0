"""What axe-core finds on a page, in every look that it has."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.chromium import NARROW, WIDE, Scheme

_SETTLED = """async () => {
    await new Promise(next => requestAnimationFrame(() => requestAnimationFrame(next)));
    await Promise.all(document.getAnimations().map(one => one.finished.catch(() => null)));
}"""
"""Colours that fade from one look to the other have arrived."""
_ALL: dict[str, Any] = {"resultTypes": ["violations"]}
_LOOKS: tuple[tuple[Scheme, int, dict[str, Any]], ...] = (
    ("light", WIDE, _ALL),
    # What is asked for again is what another look changes: what has to be scrolled, and colours.
    ("light", NARROW, _ALL | {"runOnly": {"type": "rule", "values": ["scrollable-region-focusable"]}}),
    ("dark", WIDE, _ALL | {"runOnly": {"type": "rule", "values": ["color-contrast"]}}),
)


def serious(page: Page) -> list[tuple[Scheme, int, str, list[str]]]:
    """What is serious or critical, in each look: scheme, width, rule and elements."""
    found = []
    for scheme, width, options in _LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(_SETTLED)
        found += [
            (scheme, width, one["id"], [node["html"][:300] for node in one["nodes"]])
            for one in Axe().run(page, options=options).response["violations"]
            if one["impact"] in ("serious", "critical")
        ]
    return found
