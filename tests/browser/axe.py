"""What axe-core finds on a page, in every look that it has."""

from itertools import product

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.chromium import NARROW, WIDE, Scheme

_SETTLED = """async () => {
    await new Promise(next => requestAnimationFrame(() => requestAnimationFrame(next)));
    await Promise.all(document.getAnimations().map(one => one.finished.catch(() => null)));
}"""
"""Colours that fade from one look to the other have arrived."""
_SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def serious(page: Page) -> list[tuple[Scheme, int, str, list[str]]]:
    """What is serious or critical, light and dark, wide and narrow: look, width, rule and elements."""
    found = []
    for scheme, width in product(_SCHEMES, (WIDE, NARROW)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(_SETTLED)
        found += [
            (scheme, width, one["id"], [node["html"][:300] for node in one["nodes"]])
            for one in Axe().run(page).response["violations"]
            if one["impact"] in ("serious", "critical")
        ]
    return found
