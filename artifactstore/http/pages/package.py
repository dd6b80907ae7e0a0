"""A package as a page: what it is, what may be done with it, its files and its story; now or then."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID

from artifactstore.codec import MAX_INTEGER
from artifactstore.errors import ArtifactstoreError
from artifactstore.events.kinds import Int, Text
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.pages.headers import EXPLORER, HTML, PAGE_HEADERS
from artifactstore.http.pages.rendering import package_url, shown, with_query
from artifactstore.http.pages.sentences import sentence
from artifactstore.http.web.request import Parameter
from artifactstore.store import Overview, Row, Store, Story
from artifactstore.verdicts import told

_FILES = 100
_EVENTS = 25
_CANNOT_JUDGE = ("busy", "read-only")
"""Where nothing can be tried: a standby, or too many who try at once."""


class _Package(NamedTuple):
    """What is shown.

    Attributes:
        moved: the page that was meant, when another spelling, or the number of an event, was asked for.
        problem: why it is not told what may be done.
    """

    overview: Overview | None = None
    story: Story | None = None
    at: Row | None = None
    moved: str | None = None
    problem: ArtifactstoreError | None = None


async def _package(call: Call) -> Answer:
    reference, query = _reference(call.path["package"]), call.query
    try:
        found = await call.read(lambda store: _read(store, reference, query, judge=True), scratch=True)
    except ArtifactstoreError as failure:
        if failure.code not in _CANNOT_JUDGE or query["at"] is not None:
            raise
        found = await call.read(lambda store: _read(store, reference, query, judge=False))
        found = found._replace(problem=failure)
    given = dict(parse_qsl(call.scope["query_string"].decode("ascii")))
    if found.moved is not None:
        kept = {name: text for name, text in given.items() if name not in ("event", "at")}
        at = found.at["sequence"] if found.at else given.get("at")
        headers = {**PAGE_HEADERS, "Location": with_query(found.moved, kept, at=at)}
        return Answer(b"", 303, headers, HTML)
    assert found.overview is not None  # noqa: S101 - for mypy: only what moved has none
    reports = bool(call.service.settings.content_origin)
    return shown(call, "package.html", **_context(found, found.overview, query, reports=reports))


def _context(
    found: _Package, overview: Overview, query: Mapping[str, Any], *, reports: bool
) -> dict[str, object]:
    story = found.story
    return {
        "it": overview,
        "here": package_url(overview.package["purl"]),
        "at": found.at,
        "query": {"at": query["at"], "files": query["files"] or None, "before": query["before"]},
        "page": overview.page[:_FILES],
        "more_files": len(overview.page) > _FILES,
        "reports": reports,
        "commands": None if overview.verdicts is None else [told(one) for one in overview.verdicts],
        "problem": found.problem,
        "story": story,
        "lines": [] if story is None else [(row, sentence(row)) for row in story.page[:_EVENTS]],
        "more_events": story is not None and len(story.page) > _EVENTS,
    }


def _read(store: Store, reference: UUID | str, query: Mapping[str, Any], *, judge: bool) -> _Package:
    package = store.packages.package(reference)
    package_id, purl = package["package_id"], package["purl"]
    if query["event"] is not None:
        event = store.overviews.nth_event(package_id, query["event"])
        return _Package(at={"sequence": event}, moved=package_url(purl))
    if purl != reference:
        return _Package(moved=package_url(purl))
    at, after = query["at"], query["files"]
    if at is None:
        overview = store.overviews.now(package_id, after, _FILES + 1)
        if judge:
            overview = overview._replace(verdicts=store.overviews.verdicts(package_id))
        return _Package(overview, store.overviews.story(package_id, query["before"], _EVENTS + 1))
    overview = store.overviews.past(package_id, at, after, _FILES + 1)
    before = at + 1 if query["before"] is None else min(at + 1, query["before"])
    story = store.overviews.story(package_id, before, _EVENTS + 1, at)
    return _Package(overview, story, {"sequence": at, "created_at": store.log.time_of(at)})


def _reference(text: str) -> UUID | str:
    """The id that the text is, or the purl that it must be else."""
    try:
        return UUID(text)
    except ValueError:
        return text


PAGE = Endpoint(
    method="GET",
    path=EXPLORER + "packages/{package:path}",
    role=Role.READER,
    tag="explorer",
    summary="One package, now or as it was",
    handle=_package,
    media_type=HTML,
    path_parameters=(
        Parameter("package", Text(max=1024), "its purl in any valid spelling, or its id", required=True),
    ),
    query=(
        Parameter("at", Int(min=1, max=MAX_INTEGER), "as it was after this event"),
        Parameter("event", Int(min=1, max=MAX_INTEGER), "as it was after so many events of its own"),
        Parameter("files", Text(max=1024), "path of the last file of the page before", default=""),
        Parameter("before", Int(min=1, max=MAX_INTEGER), "only events below this sequence"),
    ),
)
