"""Bytes of files, as they come: gone on with where they were cut, and from a store that the service names."""

import re
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager

import httpx

from artifactstore.client.messages import RemoteError, check, readable
from artifactstore.client.network import network
from artifactstore.client.requests import AGENT, TIMEOUT
from artifactstore.client.retrying import pause_before
from artifactstore.client.steps import FAILURES
from artifactstore.errors import BadInput

_WHOLE, _PART, _NO_MORE = 200, 206, 416
_OURS = re.compile(r'(W/)?"b3-[0-9a-f]{64}"', re.ASCII)
"""The tag of every content that the service gives."""


class _StoreFailedError(Exception):
    """A store that the service named does not give the bytes; the service can."""


class ContentCalls:
    """``client.content``.

    Args:
        http: sends requests to the service, with the token.
    """

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._stores: dict[tuple[str, str], httpx.Client] = {}
        self._reachable = True
        self._lock = threading.Lock()

    def read(
        self, path: str, start: int = 0, end: int | None = None, *, direct: bool = True
    ) -> Generator[bytes, None, None]:
        """The content at a path of the service from ``start`` up to ``end``, in pieces as they come.

        It is not verified here. What is cut is asked for again from there, a few times.

        Args:
            path: such as ``/files/{file_id}/content``.
            direct: a store may be read that the service names (307); that does not get the token.

        Raises ``RemoteError``; ``httpx.TransportError`` when no more comes.
        """
        at, attempt = start, 1
        while end is None or at < end:
            try:
                for piece in self._pieces(path, at, end, direct):
                    at, attempt = at + len(piece), 1
                    yield piece
                return
            except _StoreFailedError:
                direct = False
            except FAILURES as failure:
                if isinstance(failure, RemoteError) and failure.code == "content-unavailable":
                    raise  # the service has tried what there is
                attempt += 1
                time.sleep(pause_before(attempt, failure))

    def close(self) -> None:
        """Close the connections to stores."""
        with self._lock:
            opened, self._stores = self._stores, {}
        for client in opened.values():
            client.close()

    def _pieces(self, path: str, start: int, end: int | None, direct: bool) -> Iterator[bytes]:
        headers = {"Accept-Encoding": "identity"}
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        with self._answer(path, headers, direct) as response:
            if response.status_code == _NO_MORE:
                return
            before = start if response.status_code == _WHOLE else 0  # who does not hear Range gives all
            left = None if end is None else end - start
            for piece in response.iter_bytes():
                passed = min(before, len(piece))
                before -= passed
                wanted = piece[passed:] if left is None else piece[passed : passed + left]
                left = None if left is None else left - len(wanted)
                if wanted:
                    yield wanted

    @contextmanager
    def _answer(self, path: str, headers: dict[str, str], direct: bool) -> Iterator[httpx.Response]:
        """What the service or a store answers, with the bytes to come."""
        direct = direct and self._reachable
        query = {} if direct else {"redirect": "0"}
        with readable(), _asked(self._http, path, query, headers) as response:
            if direct and response.has_redirect_location:
                with self._of_store(response, headers) as given:
                    yield given
                return
            _check(response)
            yield response

    @contextmanager
    def _of_store(self, redirect: httpx.Response, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """What a store answers, whatever keeps it from that is a ``_StoreFailedError``."""
        try:
            url = redirect.url.join(redirect.headers["Location"])
            with _asked(self._without_token(url), url, {}, headers) as response:
                if response.status_code not in (_WHOLE, _PART, _NO_MORE):
                    raise _StoreFailedError
                yield response
        except (httpx.TransportError, httpx.InvalidURL, BadInput) as failure:
            if isinstance(failure, (httpx.ConnectError, httpx.ConnectTimeout)):
                self._reachable = False  # from here; that is not found out again for each file
            raise _StoreFailedError from failure

    def _without_token(self, url: httpx.URL) -> httpx.Client:
        """A client for a place that is not to know who asks."""
        origin = (url.scheme, url.netloc.decode())
        with self._lock:
            if origin not in self._stores:
                place = f"{origin[0]}://{origin[1]}"
                self._stores[origin] = httpx.Client(headers=AGENT, timeout=TIMEOUT, **network(place, None))
            return self._stores[origin]


@contextmanager
def _asked(
    client: httpx.Client, url: httpx.URL | str, query: Mapping[str, str], headers: Mapping[str, str]
) -> Iterator[httpx.Response]:
    """What is answered, with the bytes to come."""
    request = client.build_request("GET", url, params=query or None, headers=headers)
    response = client.send(request, stream=True)
    try:
        yield response
    finally:
        response.close()


def _check(response: httpx.Response) -> None:
    """Raise ``RemoteError`` unless it is a content, a part of it, or that there is no more."""
    if response.status_code == _NO_MORE:
        return
    if not response.is_success:
        response.read()
        check(response)
    if not _OURS.fullmatch(response.headers.get("ETag", "")):
        problem = f"{response.request.url} gives bytes and does not say which content they are"
        raise RemoteError(response.status_code, {"code": "foreign-answer", "detail": problem}, None)
