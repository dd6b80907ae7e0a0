"""The content of files over HTTP: a service gives the best of its copies, and this machine has its own."""

from collections.abc import Iterator

from artifactstore.client import Client
from artifactstore.errors import BadInput, NotFound
from artifactstore.jobs.content import FILES, best_first, local_pieces
from artifactstore.remote.translation import translated_answers
from artifactstore.store import Row
from artifactstore.suggest import suggestion


class RemoteSources:
    """Where copies can be read: as ``Sources``, of a service.

    The service tries the copies in its stores one after the other, and records those that are bad.

    Args:
        only: nothing but copies of this backend, which has to be ``file``: others the service chooses.

    Raises ``NotFound`` store-unknown, ``BadInput`` database-only.
    """

    def __init__(self, client: Client, only: str | None = None) -> None:
        self._client = client
        names = [FILES]
        if only != FILES:
            with translated_answers():
                names = [*(one.name for one in client.stores.list().stores), FILES]
        if only not in (None, *names):
            told = {"problem": f"the service has no {only!r}{suggestion(str(only), names)}", "stores": names}
            raise NotFound("store-unknown", {**told, "store": only})
        if only not in (None, FILES):
            problem = f"the copies in {only} cannot be asked for over HTTP: the service chooses"
            raise BadInput("database-only", {"problem": problem, "store": only})
        self._order = {name: place for place, name in enumerate(names)}

    def readable(self, file: Row) -> list[Row]:
        """See ``ContentSources``: copies of this machine, and the service once more than it has copies.

        At first a store may be read that the service names; then the service itself, which finds what is bad.
        """
        tries: list[Row] = []
        given = {"backend": None, "uri": f"/files/{file['file_id']}/content", "direct": True}
        for copy in best_first(file, self._order):
            if copy["backend"] == FILES:
                tries.append(copy)
            else:
                tries.append(given)
                given = {**given, "direct": False}
        return tries if given["direct"] else [*tries, {**given}]

    def open(self, copy: Row, start: int = 0) -> Iterator[bytes]:
        """See ``ContentSources``."""
        if copy["backend"] == FILES:
            yield from local_pieces(copy["uri"], start)
            return
        with translated_answers():
            yield from self._client.content.read(copy["uri"], start, direct=copy["direct"])
