"""A registry behind a URL: the same methods as those of ``Store``, each a request or some of a service."""

from functools import cached_property
from types import TracebackType
from typing import Self

from artifactstore.client import Client
from artifactstore.errors import BadInput
from artifactstore.remote.copies import RemoteCopies, RemoteRemovals
from artifactstore.remote.log import RemoteLog
from artifactstore.remote.packages import RemoteDue, RemoteOverviews, RemotePackages, RemotePages
from artifactstore.remote.policies import RemotePolicies
from artifactstore.remote.tokens import RemoteTokens
from artifactstore.remote.translation import translated_answers
from artifactstore.remote.writes import RemoteWrites


class Remote:
    """A service.

    Args:
        url: of the service. token: its text, ``ast_…``.
        on_behalf_of: for whom the holder of the token acts, if not for himself.

    Raises ``BadInput`` usage for a URL, a token or variables that cannot be used.
    """

    def __init__(self, url: str, token: str, on_behalf_of: str | None = None) -> None:
        self.url = url
        try:
            with translated_answers():
                self._client = Client(url, token)
        except UnicodeError as failure:
            raise BadInput("usage", {"problem": f"the URL or the token cannot be: {failure}"}) from failure
        self.packages = RemotePackages(self._client)
        self.log = RemoteLog(self._client)
        self.writes = RemoteWrites(self._client, on_behalf_of)
        self.pages = RemotePages(self._client)
        self.overviews = RemoteOverviews(self._client)
        self.retention = RemoteDue(self._client)
        self.policies = RemotePolicies(self._client)
        self.copies = RemoteCopies(self._client)
        self.removals = RemoteRemovals(self._client)
        self.tokens = RemoteTokens(self._client)

    @cached_property
    def actor(self) -> str:
        """The holder of the token: the actor of every event that is appended."""
        with translated_answers():
            return self._client.service.whoami().actor

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


__all__ = ["Remote"]
