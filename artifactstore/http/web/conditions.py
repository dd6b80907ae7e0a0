"""Conditional requests (RFC 9110, sections 8.8.3 and 13): what If-Match and If-None-Match ask for."""

import re
from dataclasses import dataclass

from starlette.types import Scope

from artifactstore.http.web.compression import plain_tag
from artifactstore.http.web.request import bad_request

_MEMBER = re.compile(r'[ \t]*(?:(?P<weak>W/)?"(?P<opaque>[!#-~\x80-\xff]*)"[ \t]*)?(?P<end>,|\Z)')
"""Blanks stand in one place for each way through it: in two, they would take quadratic time."""
_VERSION = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tags:
    """The entity tags of a header without their quotes, strong and weak ones; ``any`` for ``*``.

    Those of compressed answers are taken for those of the same answers as they are: a row has one version.
    """

    any: bool = False
    strong: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()

    def names(self, etag: str) -> bool:
        """Whether a strong tag is one of them, weakly compared, as If-None-Match asks."""
        return self.any or plain_tag(etag.strip('"')) in self.strong | self.weak

    def versions(self) -> tuple[int, ...]:
        """Versions of rows that the strong tags are, the highest first."""
        return tuple(sorted((int(tag) for tag in self.strong if _VERSION.fullmatch(tag)), reverse=True))


def read_tags(scope: Scope, name: bytes) -> Tags | None:
    """The tags of a header, which may be on several lines; None without it.

    Raises ``ValueError`` for what is neither ``*`` nor a list of entity tags.
    """
    lines = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    if not lines:
        return None
    text = ",".join(lines)
    if text.strip(" \t") == "*":
        return Tags(any=True)
    strong: set[str] = set()
    weak: set[str] = set()
    position = 0
    while True:
        member = _MEMBER.match(text, position)
        if member is None:
            raise ValueError(text)
        if member["opaque"] is not None:
            (weak if member["weak"] else strong).add(plain_tag(member["opaque"]))
        position = member.end()
        if not member["end"]:
            break
    if not strong | weak:
        raise ValueError(text)
    return Tags(strong=frozenset(strong), weak=frozenset(weak))


def expected_versions(scope: Scope) -> tuple[int, ...] | None:
    """The versions that If-Match allows, the highest first; none for tags that no row can have.

    None without If-Match, or for ``*``: a command on what does not exist is refused anyway. Weak tags never
    match, as it compares strongly. Raises ``BadInput`` bad-request.
    """
    try:
        tags = read_tags(scope, b"if-match")
    except ValueError:
        raise bad_request("If-Match is * or a list of ETags", header="If-Match") from None
    return None if tags is None or tags.any else tags.versions()


def is_known(scope: Scope, etag: str) -> bool:
    """Whether If-None-Match names this tag; what is no list of tags names none."""
    try:
        tags = read_tags(scope, b"if-none-match")
    except ValueError:
        return False
    return tags is not None and tags.names(etag)
