"""What somebody may have meant by a text, and what there is of it; every look is one by an index."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

from artifactstore.codec import MAX_INTEGER
from artifactstore.errors import BadInput, NotFound
from artifactstore.store import EventFilter, FileQuery, LogQuery, PackageQuery, Row, Store

_DIGEST = re.compile(r"(?:(blake3|sha-?256)[:=])?\s*([0-9a-f]{64})", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"#?([0-9]{1,16})", re.ASCII)
_SCOPE = re.compile(r"(?:^|(?<=/))@")
_EVENTS = 5


class Found(NamedTuple):
    """What there is of one meaning.

    Attributes:
        kind: packages, files, holds, events or subjects: what ``rows`` are.
        meaning: of which: in words, behind which comes ``value``.
        more: whether there are more rows.
    """

    kind: str
    meaning: str
    value: str
    rows: list[Row]
    more: bool = False


def find(store: Store, text: str, limit: int) -> list[Found]:
    """All that ``text`` may mean and that is there, at most ``limit`` rows of each meaning."""
    return [found for meaning in _MEANINGS for found in meaning(store, text, limit) if found.rows]


def exact(store: Store, text: str) -> str | None:
    """The canonical purl of the package that ``text`` names whole, by purl in any spelling or by id."""
    with suppress(NotFound, BadInput), store.connection.transaction():
        purl: str = store.packages.package(_id(text) or text)["purl"]
        return purl
    return None


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _some(kind: str, meaning: str, value: str, rows: Iterable[Row], limit: int) -> Found:
    found = list(rows)
    return Found(kind, meaning, value, found[:limit], len(found) > limit)


def _beginnings(store: Store, text: str) -> Iterator[str]:
    """Canonical beginnings of purls that the text may be, as it is typed and as it is spelt right."""
    whole = text if text[:4].lower() == "pkg:" else f"pkg:{text}"
    scheme, _, rest = whole.partition(":")
    package_type, slash, path = rest.partition("/")
    yield f"{scheme.lower()}:{package_type.lower()}{slash}{_SCOPE.sub('%40', path)}"
    with suppress(BadInput), store.connection.transaction():
        yield store.packages.canonical_purl(whole)


def _by_purl(store: Store, text: str, limit: int) -> Iterator[Found]:
    if text[:4].lower() != "pkg:" and "/" not in text:
        return
    for beginning in dict.fromkeys(_beginnings(store, text)):
        with suppress(BadInput):
            rows = list(store.pages.package_page(PackageQuery(purl_prefix=beginning), None, limit + 1))
            if rows:
                yield _some("packages", "packages whose purl begins with", beginning, rows, limit)
                return


def _by_namespace(store: Store, text: str, limit: int) -> Iterator[Found]:
    rows = store.pages.package_page(PackageQuery(namespace=text), None, limit + 1)
    yield _some("packages", "packages of the namespace", text, rows, limit)


def _by_label(store: Store, text: str, limit: int) -> Iterator[Found]:
    key, equals, value = text.partition("=")
    if key and equals:
        rows = store.pages.package_page(PackageQuery(labels={key: value}), None, limit + 1)
        yield _some("packages", "packages with the label", text, rows, limit)


def _by_digest(store: Store, text: str, limit: int) -> Iterator[Found]:
    match = _DIGEST.fullmatch(text)
    if match is None:
        return
    digest, name = bytes.fromhex(match[2]), (match[1] or "").lower()
    if not name.startswith("sha"):
        rows = store.pages.file_page(FileQuery(blake3=digest, removed=True), None, limit + 1)
        yield _some("files", "files with the BLAKE3", digest.hex(), rows, limit)
    if name != "blake3":
        rows = store.pages.file_page(FileQuery(sha256=digest, removed=True), None, limit + 1)
        yield _some("files", "files with the SHA-256", digest.hex(), rows, limit)


def _by_path(store: Store, text: str, limit: int) -> Iterator[Found]:
    rows = store.pages.file_page(FileQuery(path=text, removed=True), None, limit + 1)
    yield _some("files", "files with the path", text, rows, limit)


def _by_case(store: Store, text: str, limit: int) -> Iterator[Found]:
    yield _some("holds", "holds of the case", text, store.pages.all_holds(text, None, limit + 1), limit)


def _by_actor(store: Store, text: str, _limit: int) -> Iterator[Found]:
    query = LogQuery(where=EventFilter(actor=frozenset([text])))
    rows = store.log.newest_audit(query, _EVENTS + 1)[::-1]
    yield _some("events", "events by the actor", text, rows, _EVENTS)


def _by_id(store: Store, text: str, _limit: int) -> Iterator[Found]:
    subject_id = _id(text)
    if subject_id is not None:
        yield Found("subjects", "what has the id", str(subject_id), store.overviews.subject(subject_id))


def _by_number(store: Store, text: str, _limit: int) -> Iterator[Found]:
    match = _NUMBER.fullmatch(text)
    if match is not None and 1 <= int(match[1]) <= MAX_INTEGER:
        number = int(match[1])
        rows = list(store.log.audit(LogQuery(since=number - 1, until=number)))
        yield Found("events", "the event with the number", str(number), rows)


_MEANINGS: tuple[Callable[[Store, str, int], Iterator[Found]], ...] = (
    _by_purl,
    _by_digest,
    _by_id,
    _by_number,
    _by_namespace,
    _by_label,
    _by_path,
    _by_case,
    _by_actor,
)
