"""Fixtures of the browser's tests: one browser and one service for all of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext
from psycopg.conninfo import make_conninfo

from tests.browser.chromium import Tab, chromium, context_of, launched, signed_in
from tests.browser.pages import View
from tests.browser.story import tell
from tests.databases import TEST_PREFIX, create_database, drop_database
from tests.http.running import Registry, Running
from tests.http.shelving import Shelf, shelved


@dataclass
class Explorer:
    """The explorer of a registry that has a story; ``names``: what paths of views are completed with."""

    shelf: Shelf
    names: dict[str, str]

    @property
    def service(self) -> Running:
        """The service whose pages they are."""
        return self.shelf.service

    def path(self, view: View) -> str:
        """The path of a view."""
        return view.path.format(**self.names)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser; it ends with the file, since its event loop would be in the way of other tests."""
    with launched(chromium()) as browser:
        yield browser


@pytest.fixture(scope="session")
def explorer(
    server_conninfo: str,
    template: str,
    login_names: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Explorer]:
    """The service whose pages are looked at, with a store and an origin for reports."""
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    login, directory = make_conninfo(conninfo, user=login_names["service"]), tmp_path_factory.mktemp("stores")
    settings = {"token_seconds": 0, "content_origin": "http://content.localhost:{port}"}
    try:
        with shelved(login, directory, ("main",), **settings) as shelf:
            yield Explorer(shelf, tell(shelf.client))
    finally:
        drop_database(server_conninfo, conninfo)


@pytest.fixture(scope="session")
def registry(explorer: Explorer) -> Registry:
    """What an operator does there meanwhile."""
    return Registry(explorer.service.client())


@pytest.fixture
def open_tab(browser: Browser, explorer: Explorer) -> Iterator[Callable[..., Tab]]:
    """Opens tabs of who signed in with the token of a role, or a token, or not at all; none may have a fault.

    It takes what ``context_of`` does, too.
    """
    contexts: list[BrowserContext] = []
    tabs: list[Tab] = []

    def make(role: str | None = "reader", **keywords: Any) -> Tab:
        contexts.append(context_of(browser, **keywords))
        if role is not None:
            signed_in(contexts[-1], explorer.service.url, explorer.service.tokens.get(role, role))
        tabs.append(Tab(contexts[-1].new_page(), explorer.service.url))
        return tabs[-1]

    yield make
    for context in contexts:
        context.close()
    assert [fault for tab in tabs for fault in tab.faults] == []
