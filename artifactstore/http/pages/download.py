"""Files as downloads: what programs get from /files/{file_id}/content, for who is signed in."""

from dataclasses import replace

from artifactstore.http.pages.headers import EXPLORER
from artifactstore.http.routes.content import OF_FILE
from artifactstore.store import Row
from artifactstore.stores.keys import key_in

DOWNLOAD = replace(OF_FILE, path=EXPLORER + "files/{file_id}/content", tag="explorer")


def downloadable(file: Row) -> bool:
    """Whether a store has a copy of a file, of those that a page shows, that may be given."""
    good = (copy for copy in file["locations"] if copy["state"] in ("registered", "verified"))
    return any(key_in(copy["uri"]) is not None for copy in good)
