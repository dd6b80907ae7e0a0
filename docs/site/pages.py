"""The pages of the site: the README and all that can be reached from it, at their paths in the checkout.

A page of Markdown stays as it is, so that its links work on a code host and on the site. A file of source
becomes a page of its text, ``append.sql`` at ``append.sql.md``, and a folder a page that lists it: only links
to these are written anew.
"""

import re
from pathlib import PurePosixPath
from posixpath import normpath, relpath

from docs.site.checkout import IMAGES, Checkout

_LINK = re.compile(r"(?<=\]\()(?!https?://)[^)#\s]+")
_LANGUAGES = {".json": "json", ".py": "python", ".sql": "sql", ".toml": "toml", ".yaml": "yaml"}
_FOR_TESTS = re.compile(r"^( *```\w+) .+$", re.MULTILINE)
"""Words behind the language of a block, which not every renderer takes for the head of one."""
_FENCE = "`" * 8
"""Longer than any in a source."""
_NOT_SEARCHED = "---\nsearch:\n  exclude: true\n---\n"
"""Of a page that is no documentation."""


class BrokenLink(Exception):
    """A page links to what does not belong to the checkout."""


def collect(checkout: Checkout) -> dict[str, bytes]:
    """Path in the site → content of all that can be reached from the README; raises BrokenLink."""
    found: dict[str, bytes] = {}
    todo = ["README.md"]
    while todo:
        path = todo.pop()
        place = checkout.place(path)
        if place in found:
            continue
        if PurePosixPath(place).suffix in IMAGES:
            found[place] = (checkout.root / place).read_bytes()
        elif place in checkout.files or path in checkout.folders:
            text, targets = _linked(checkout, place, _text(checkout, path, place))
            found[place] = text.encode()
            todo += targets
        else:
            found[place] = _source(checkout, path).encode()
    return found


def _text(checkout: Checkout, path: str, place: str) -> str:
    """The Markdown of a page, or a list of what is in a folder that has none."""
    if place in checkout.files:
        return _FOR_TESTS.sub(r"\1", (checkout.root / place).read_text(encoding="utf-8"))
    lines = [f"- [{name}]({name})" for name in checkout.children(path)]
    return "\n".join([f"{_NOT_SEARCHED}# {path}/", "", *lines, ""])


def _linked(checkout: Checkout, place: str, text: str) -> tuple[str, list[str]]:
    """A page with its links as they are in the site, and the paths in the checkout that they lead to."""
    folder = str(PurePosixPath(place).parent)
    targets = []

    def there(link: re.Match[str]) -> str:
        path = normpath(f"{folder}/{link[0]}")
        try:
            other = checkout.place(path)
        except KeyError:
            raise BrokenLink(f"{place}: {link[0]} is nothing that belongs to the checkout") from None
        targets.append(path)
        return relpath(other, folder)

    return _LINK.sub(there, text), targets


def _source(checkout: Checkout, path: str) -> str:
    text = (checkout.root / path).read_text(encoding="utf-8")
    language = _LANGUAGES.get(PurePosixPath(path).suffix, "text")
    return f"{_NOT_SEARCHED}# {path}\n\n{_FENCE}{language}\n{text.rstrip()}\n{_FENCE}\n"
