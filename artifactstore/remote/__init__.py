"""A registry behind a URL: the same methods as those of ``Store``, each a request or some of a service."""

from functools import cached_property
from types import TracebackType
from typing import Self

from artifactstore.client import Client
from artifactstore.errors import BadInput
from artifactstore.remote.content import RemoteSources
from artifactstore.remote.copies import RemoteCopies, RemoteRemovals
from artifactstore.remote.log import RemoteLog
from artifactstore.remote.packages import RemoteDue, RemoteOverviews, RemotePackages, RemotePages
from artifactstore.remote.policies import RemotePolicies
from artifactstore.remote.stores import RemoteDestination, RemoteObjects
from artifactstore.remote.tokens import RemoteTokens
from artifactstore.remote.translation import translated_answers
from artifactstore.remote.writes import RemoteWrites


class Remote:
    """A service.

    Args:
        client: of the service.
        on_behalf_of: for whom the holder of the token acts, if not for himself.
    """

    def __init__(self, client: Client, on_behalf_of: str | None = None) -> None:
        self._client = client
        self.packages = RemotePackages(self._client)
        self.log = RemoteLog(self._client)
        self.writes = RemoteWrites(self._client, on_behalf_of)
        self.pages = RemotePages(self._client)
        self.overviews = RemoteOverviews(self._client)
        self.retention = RemoteDue(self._client)
        self.policies = RemotePolicies(self._client)
        self.copies = RemoteCopies(self._client)
        self.removals = RemoteRemovals(self._client)
        self.objects = RemoteObjects(self._client)
        self.tokens = RemoteTokens(self._client)

    @classmethod
    def at(cls, url: str, token: str, on_behalf_of: str | None = None) -> Self:
        """The service at a URL.

        Args:
            token: its text, ``ast_…``.

        Raises ``BadInput`` usage for a URL, a token or variables that cannot be used.
        """
        try:
            with translated_answers():
                return cls(Client(url, token), on_behalf_of)
        except UnicodeError as failure:
            raise BadInput("usage", {"problem": f"the URL or the token cannot be: {failure}"}) from failure

    @property
    def url(self) -> str:
        """Where it is."""
        return self._client.url

    @cached_property
    def actor(self) -> str:
        """The holder of the token: the actor of every event that is appended."""
        with translated_answers():
            return self._client.service.whoami().actor

    def sources(self, only: str | None = None) -> RemoteSources:
        """Where its files are read; raises as ``RemoteSources``."""
        return RemoteSources(self._client, only)

    def destination(self, name: str) -> RemoteDestination:
        """A store that files are put into; raises what the service refuses, before anything is sent."""
        with translated_answers():
            return RemoteDestination(self._client, name)

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
