"""What a store over a network answers when it does not do what was asked, and which error that is.

Judged by the status and the code of the answer, which the protocol of the store defines, never by its
message. What is told holds the code and nothing else of it: what is said of a signature is nobody's business.
"""

import re
from collections.abc import Mapping

from artifactstore.errors import ArtifactstoreError, error

_PASSING = frozenset(
    (
        "ConditionalRequestConflict", "InternalError", "OperationAborted", "RequestTimeout", "ServerBusy",
        "ServiceUnavailable", "SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling", "TooManyRequests",
    )
)  # fmt: skip
_PASSING_STATUSES = frozenset((408, 425, 429, 500, 502, 503, 504))
_MEANINGS: Mapping[str, str] = {
    "BadDigest": "digest-mismatch",
    "XAmzContentChecksumMismatch": "digest-mismatch",
    "XAmzContentSHA256Mismatch": "digest-mismatch",
    "InsufficientStorage": "store-full",
    "QuotaExceeded": "store-full",
    "XMinioStorageFull": "store-full",
    "ContainerNotFound": "store-unavailable",
    "NoSuchBucket": "store-unavailable",
    "SSLError": "store-unavailable",
}
_WORDS = {403: "Forbidden", 404: "NotFound", 412: "PreconditionFailed", 501: "NotImplemented"}
"""What a status without a code says: an answer to HEAD has no body."""
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}", re.ASCII)
_CLOCK = "compare the clock of this machine with the store's: they differ by more than it takes"


class StoreAnswer(Exception):
    """An answer that is no success.

    Attributes:
        status: of HTTP; None if there was no answer. code: the store's own word for it, or the status's.
        problem: what happened, if there was no answer. uncertain: whether what was asked may have been done.
    """

    def __init__(self, status: int | None, code: str | None, problem: str = "") -> None:
        super().__init__(status, code, problem)
        self.status = status
        self.code = code if code and _CODE.fullmatch(code) else _WORDS.get(status or 0)
        self.problem = problem
        self.uncertain = self.code is None if status is None else status >= 500

    @property
    def passing(self) -> bool:
        """Whether the same request may be answered otherwise in a moment."""
        if self.status is None:
            return self.code is None
        return self.code in _PASSING or (self.status in _PASSING_STATUSES and self.code not in _MEANINGS)

    def error(self, store: str, what: str) -> ArtifactstoreError:
        """The error that it is.

        Args:
            store: its name. what: what was asked for, as a phrase: ``put ab/01…``.
        """
        said = self.code or (f"status {self.status}" if self.status else self.problem)
        detail: dict[str, object] = {"problem": f"{store}: {what}: {said}", "store": store}
        if self.code or self.status:
            detail["store_code"] = self.code or str(self.status)
        told = error(self._meaning(), detail)
        if self.code == "RequestTimeTooSkewed":
            told.hint = _CLOCK
        return told

    def _meaning(self) -> str:
        if self.code is not None and self.code in _MEANINGS:
            return _MEANINGS[self.code]
        if self.status == 507:
            return "store-full"
        return "store-unavailable" if self.passing else "store-refused"
