"""Reports to look at: their addresses, and the files there, on an origin of their own."""

from urllib.parse import quote
from uuid import UUID

from artifactstore.errors import error
from artifactstore.events.fields import Field
from artifactstore.events.kinds import Text
from artifactstore.http.auth import Role
from artifactstore.http.content import headers
from artifactstore.http.content.depot import depot_of
from artifactstore.http.content.origin import REPORTS
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.routes.content import ASK_AGAIN, PATH, given
from artifactstore.http.web.answers import TEXT, TIME, record
from artifactstore.http.web.references import PathOfFile, check_path
from artifactstore.http.web.request import Parameter
from artifactstore.http.write.commands import PACKAGE_ID
from artifactstore.store import Row
from artifactstore.stores.tickets import ReportTicket


async def _post(call: Call) -> Answer:
    path = call.body["path"]
    return Answer(
        address(call, await call.read(lambda store: store.contents.at(call.id("package_id"), path)))
    )


def address(call: Call, row: Row) -> dict[str, object]:
    """Where who asks may look at a file, a row of ``store.contents``, and until when.

    Raises ``Refused`` no-content-origin.
    """
    origin = call.service.settings.content_origin
    if not origin:
        raise error("no-content-origin")
    ticket, end = depot_of(call).seal_report(row["package_id"], call.actor)
    return {"url": f"{origin}{REPORTS}{ticket}/{quote(row['path'])}", "expires_at": end}


async def _file(call: Call) -> Answer:
    check_path(call.scope)
    said = depot_of(call).opened(ReportTicket, call.path["ticket"], None)
    call.trace.actor = said.actor
    package_id = UUID(said.package_id)
    row = await call.read(lambda store: store.contents.at(package_id, call.path["path"]))
    media_type, own = headers.report(row["path"], row["media_type"])
    return await given(call, row, media_type, {**own, "Cache-Control": ASK_AGAIN}, elsewhere=False)


OF_TICKET = Endpoint(
    method="GET",
    path=REPORTS + "{ticket}/{path}",
    role=None,
    tag="content",
    summary="A file of a report",
    handle=_file,
    media_type="*/*",
    path_parameters=(Parameter("ticket", Text(max=4096), "the ticket of its package", required=True), PATH),
)
"""On the host of reports alone, so no part of what /openapi.json tells of."""

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/packages/{package_id}/reports",
        role=Role.READER,
        tag="content",
        summary="The address at which a report can be looked at",
        doc="A page with its style sheets, scripts and data: the other files of the package are beside it, "
        "so that relative links work. Whoever has the address may read the package until expires_at, "
        "without a token.",
        handle=_post,
        answer=record("An address for a browser.", url=TEXT, expires_at=TIME),
        appends=False,
        path_parameters=(PACKAGE_ID,),
        body=(Field("path", "path", True, PathOfFile("the path of the file that is opened first")),),
        refusals=("not-found", "wrong-state", "no-content-origin"),
    ),
)
