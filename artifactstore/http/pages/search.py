"""Search as a page: one box, which finds out what was meant."""

from artifactstore.events.kinds import Text
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.pages.headers import EXPLORER, HTML, PAGE_HEADERS
from artifactstore.http.pages.rendering import package_url, shown
from artifactstore.http.pages.searching import Found, exact, find
from artifactstore.http.pages.sentences import sentence
from artifactstore.http.web.request import Parameter
from artifactstore.store import Store

_ROWS = 50


async def _search(call: Call) -> Answer:
    text = (call.query["q"] or "").strip()

    def read(store: Store) -> tuple[str | None, list[Found]]:
        purl = exact(store, text)
        return purl, [] if purl is not None else find(store, text, _ROWS)

    purl, found = await call.read(read) if text else (None, [])
    if purl is not None:
        return Answer(b"", 303, {**PAGE_HEADERS, "Location": package_url(purl)}, HTML)
    return shown(call, "search.html", text=text, found=found, sentence=sentence)


PAGE = Endpoint(
    method="GET",
    path=EXPLORER + "search",
    role=Role.READER,
    tag="explorer",
    summary="Packages, files, holds and events by what is known of them",
    handle=_search,
    media_type=HTML,
    query=(Parameter("q", Text(max=2048), "what is looked for"),),
)
