"""Where the objects of an S3 store are, and how the store is asked for something."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    SSLError,
)
from botocore.exceptions import (
    ConnectionError as NoConnection,
)
from botocore.parsers import ResponseParserError

from artifactstore.errors import BadInput, NotFound, Refused
from artifactstore.stores.answers import StoreAnswer
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.keys import is_key
from artifactstore.stores.obstore_answers import of_obstore
from artifactstore.stores.patience import Patience
from artifactstore.stores.s3.clients import S3Clients

T = TypeVar("T")

MARKER = "artifactstore.json"
MISSING = ("NoSuchKey", "NotFound")
"""Codes of what is not there."""
TAKEN = "PreconditionFailed"
UNKNOWN = ("NotImplemented", "MethodNotAllowed")
"""Codes of what a store does not know."""
_NO_ANSWER = (HTTPClientError, IncompleteReadError, NoConnection, ResponseParserError)
"""What boto3 raises for an answer that did not come, or not whole."""


class Bucket:
    """A bucket and a prefix.

    Attributes:
        name: of the store, for errors. bucket, prefix: as configured.
        boto: speaks S3 in its own words. obstore: moves whole objects.
        public: signs URLs for the public endpoint, if there is one.
    """

    def __init__(self, given: StoreConfig, patience: Patience) -> None:
        self.name = given.name
        self.bucket = str(given.bucket)
        self.prefix = given.prefix
        self.patience = patience
        clients = S3Clients(given, patience)
        self.boto = clients.boto()
        self.obstore = clients.obstore()
        self.public = clients.boto(given.public_endpoint) if given.public_endpoint else None

    def close(self) -> None:
        """Close the connections of boto3; those of obstore end with it."""
        self.boto.close()
        if self.public is not None:
            self.public.close()

    @cached_property
    def versioned(self) -> bool:
        """Whether objects may have versions: versioning is on, or was, or it is not to be known."""
        boto = self.boto
        try:
            said = self.ask("versioning", lambda: boto.get_bucket_versioning(Bucket=self.bucket), *UNKNOWN)
        except StoreAnswer:
            return False
        return "Status" in said

    def path(self, key: str) -> str:
        """The name of an object in the bucket; raises ``BadInput`` bad-uri for what is no key of ours."""
        if not is_key(key):
            raise BadInput("bad-uri", {"problem": f"{key!r} is no key"})
        return self.prefix + key

    def ask(self, what: str, call: Callable[[], T], *known: str) -> T:
        """What a call of one of the clients gives, tried again while that may help.

        Args:
            what: what is asked for, for errors. known: codes that are raised as ``StoreAnswer``.
        """

        def once() -> T:
            with _answers():
                return call()

        try:
            return self.patience.ask(once)
        except StoreAnswer as answer:
            if answer.code in known:
                raise
            raise answer.error(self.name, what) from answer

    def versions_of(self, path: str) -> Iterator[Any]:
        """All that there is under a name: its versions, which have a Size, and marks that say deleted."""
        boto = self.boto
        request = {"Bucket": self.bucket, "Prefix": path}
        while True:
            page: Any = self.ask("versions", lambda at=dict(request): boto.list_object_versions(**at))  # type: ignore[misc]
            for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                if one["Key"] == path:
                    yield one
            if not page.get("IsTruncated") or page.get("NextKeyMarker", "") != path:
                return
            request |= {"KeyMarker": path, "VersionIdMarker": page["NextVersionIdMarker"]}

    def need_bucket(self) -> None:
        """Raise ``Busy`` store-unavailable if the bucket is not there: nothing in it is missing then."""
        boto = self.boto
        try:
            self.ask("bucket", lambda: boto.head_bucket(Bucket=self.bucket), *MISSING)
        except StoreAnswer as answer:
            raise StoreAnswer(404, "NoSuchBucket").error(self.name, f"bucket {self.bucket}") from answer

    def not_there(self, key: str, what: str = "object") -> NotFound:
        """The error that there is no such object or upload."""
        told = {"problem": f"{self.name} has no {what} {key}", "store": self.name, "key": key}
        return NotFound("not-found", told)

    def taken(self, key: str) -> Refused:
        """The error that a key was used."""
        return Refused("id-taken", {"problem": f"{self.name}: {key}", "store": self.name, "key": key})

    def mismatch(self, key: str, what: str) -> Refused:
        """The error that bytes are not those that were said."""
        told = {"problem": f"{self.name}: {key}: {what}", "store": self.name, "key": key}
        return Refused("digest-mismatch", told)


@contextmanager
def _answers() -> Iterator[None]:
    """Raise what a client raises inside as a ``StoreAnswer``."""
    try:
        with of_obstore():
            yield
    except ClientError as failure:
        told = failure.response
        raise StoreAnswer(
            told.get("ResponseMetadata", {}).get("HTTPStatusCode"), told.get("Error", {}).get("Code")
        ) from failure
    except SSLError as failure:
        raise StoreAnswer(None, "SSLError") from failure
    except _NO_ANSWER as failure:
        raise StoreAnswer(None, None, type(failure).__name__) from failure
    except BotoCoreError as failure:  # no credentials, or none that can be read
        raise StoreAnswer(None, type(failure).__name__) from failure
