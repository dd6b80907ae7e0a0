"""Pages of the explorer as tests read them: elements with their attributes and texts."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

from artifactstore.http.pages.session import COOKIE
from tests.http.running import Running

_VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})


@dataclass
class Element:
    """An element; ``text`` is all text in it, with each run of blanks as one."""

    tag: str
    attributes: dict[str, str]
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What it says."""
        return " ".join("".join(self.parts).split())


class Reading(HTMLParser):
    """A page, read; raises ``AssertionError`` where elements do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that ends where it begins, as SVG has them."""
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        assert self._open, tag
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        """Text belongs to all that it is in."""
        for element in self._open:
            element.parts.append(data)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Elements with these attributes, ``_`` for ``-``; ``…``: with any value."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            one
            for one in self.elements
            if one.tag == tag
            and all(
                name in one.attributes and value in ("…", one.attributes[name])
                for name, value in wanted.items()
            )
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        """The element with these attributes."""
        (found,) = self.all(tag, **attributes)
        return found


def visitor(service: Running, role: str | None = "reader", **keywords: Any) -> httpx.Client:
    """A browser as far as HTTP goes, with the cookie of who signed in."""
    client = service.client(None, **keywords)
    client.headers["Accept"] = "text/html,application/xhtml+xml,*/*;q=0.8"
    if role is not None:
        client.cookies.set(COOKIE, service.tokens.get(role, role))
    return client


def browser(service: Running, role: str = "reader") -> httpx.Client:
    """A client that is signed in to the explorer as a browser is, and follows where it is led."""
    return visitor(service, role, follow_redirects=True)


def read(client: httpx.Client, path: str, status: int = 200) -> Reading:
    """The page at a path."""
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return Reading(answer.text)
