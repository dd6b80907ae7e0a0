"""Files for who is signed in: downloads, as programs get from /files/{file_id}/content, and reports."""

from dataclasses import replace

from artifactstore.http.auth import Role
from artifactstore.http.content.headers import report_type
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.pages.headers import EXPLORER, HTML, PAGE_HEADERS
from artifactstore.http.routes.content import OF_FILE
from artifactstore.http.routes.reports import address
from artifactstore.http.write.commands import FILE_ID
from artifactstore.store import Row
from artifactstore.stores.keys import key_in

DOWNLOAD = replace(OF_FILE, path=EXPLORER + "files/{file_id}/content", tag="explorer")


def downloadable(file: Row) -> bool:
    """Whether a store has a copy of a file, of those that a page shows, that may be given."""
    good = (copy for copy in file["locations"] if copy["state"] in ("registered", "verified"))
    return any(key_in(copy["uri"]) is not None for copy in good)


def viewable(file: Row) -> bool:
    """Whether a file is a page that can be looked at, where there is an origin for that."""
    return report_type(file["path"], file["media_type"]) == HTML and downloadable(file)


async def _report(call: Call) -> Answer:
    """A page may be open for longer than a ticket is good: each look gets one of its own."""
    row = await call.read(lambda store: store.contents.of_file(call.id("file_id")))
    return Answer(b"", 303, {**PAGE_HEADERS, "Location": str(address(call, row)["url"])}, HTML)


REPORT = Endpoint(
    method="GET",
    path=EXPLORER + "files/{file_id}/report",
    role=Role.READER,
    tag="explorer",
    summary="Leads to a report, on the origin where it may run",
    handle=_report,
    media_type=HTML,
    path_parameters=(FILE_ID,),
)
