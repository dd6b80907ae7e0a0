"""What a store over a network answers when it does not do what was asked, and which error that is.

Judged by the status and the code of the answer, which the S3 protocol defines, never by its message. What
is told holds the code and nothing else of the answer: what a store says of a signature is nobody's business.
"""

import re
from collections.abc import Mapping
from typing import NoReturn

from artifactstore.errors import ArtifactstoreError, error

_PASSING = frozenset(
    (
        "ConditionalRequestConflict", "InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable",
        "SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling", "TooManyRequests",
    )
)  # fmt: skip
_PASSING_STATUSES = frozenset((408, 425, 429, 500, 502, 503, 504))

_MEANINGS: Mapping[str, str] = {
    "BadDigest": "digest-mismatch",
    "XAmzContentChecksumMismatch": "digest-mismatch",
    "XAmzContentSHA256Mismatch": "digest-mismatch",
    "InsufficientStorage": "store-full",
    "InsufficientStorageSpace": "store-full",
    "QuotaExceeded": "store-full",
    "XMinioAdminBucketQuotaExceeded": "store-full",
    "XMinioStorageFull": "store-full",
    "NoSuchBucket": "store-unavailable",
    "SSLError": "store-unavailable",
}
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}", re.ASCII)


class StoreAnswer(Exception):
    """An answer that is no success.

    Attributes:
        status: of HTTP; None if there was no answer. code: the store's own word for it, or of the status.
        problem: what happened, if there was no answer. tries: how often was asked.
    """

    def __init__(self, status: int | None, code: str | None, problem: str = "") -> None:
        super().__init__(status, code, problem)
        self.status = status
        self.code = code if code and _CODE.fullmatch(code) else None
        self.problem = problem
        self.tries = 1

    @property
    def passing(self) -> bool:
        """Whether the same request may be answered otherwise in a moment."""
        if self.status is None:
            return self.code is None
        return self.code in _PASSING or (self.status in _PASSING_STATUSES and self.code not in _MEANINGS)

    @property
    def conflicts(self) -> bool:
        """Whether a condition of the request was not met."""
        return self.status == 412 or self.code == "PreconditionFailed"

    def error(self, store: str, what: str) -> ArtifactstoreError:
        """The error that it is.

        Args:
            store: its name. what: what was asked for, as a phrase: ``put ab/01…``.
        """
        said = self.code or (f"status {self.status}" if self.status else self.problem)
        detail: dict[str, object] = {"problem": f"{what}: {said}", "store": store}
        if self.code or self.status:
            detail["store_code"] = self.code or str(self.status)
        return error(self._meaning(), detail)

    def _meaning(self) -> str:
        if self.code in _MEANINGS:
            return _MEANINGS[self.code]
        if self.status == 507:
            return "store-full"
        return "store-unavailable" if self.passing else "store-refused"
