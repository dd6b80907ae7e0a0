"""What obstore raises, as an answer of the store."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from artifactstore.stores.answers import StoreAnswer

# obstore keeps neither: its message quotes the answer.
_STATUS = re.compile(r"status code: (\d{3})\b", re.ASCII)
_CODE = re.compile(r"<Code>([A-Za-z0-9._-]{1,64})</Code>", re.ASCII)
_ELSEWHERE = "redirect without LOCATION"
"""What S3 says of a bucket of another region."""
_WHY = re.compile(r" - (?:HTTP error: )?([^\n<]{1,100})")


_TAKEN = "BlobAlreadyExists"
"""What Azure says with 409 where others say 412; it has a code of its own for that, too."""
_KINDS: tuple[tuple[type[Exception], int], ...] = (
    (AlreadyExistsError, 412),
    (PreconditionError, 412),
    (FileNotFoundError, 404),
    (PermissionDeniedError, 403),
    (UnauthenticatedError, 403),
    (NotSupportedError, 501),
)
"""What obstore knows by itself, where no answer is quoted."""


@contextmanager
def of_obstore() -> Iterator[None]:
    """Raise what obstore raises inside as a ``StoreAnswer``."""
    try:
        yield
    except (BaseError, OSError) as failure:
        raise _answer(failure) from failure


def _answer(failure: Exception) -> StoreAnswer:
    said = str(failure)
    status, code = _STATUS.search(said), _CODE.search(said)
    kind = next((known for type_, known in _KINDS if isinstance(failure, type_)), None)
    if (status and status[1] == "412") or (code and code[1] == _TAKEN):
        return StoreAnswer(412, None)
    if status is not None:
        return StoreAnswer(int(status[1]), code[1] if code else None)
    if kind is not None:
        return StoreAnswer(kind, None)
    if _ELSEWHERE in said:
        return StoreAnswer(301, "PermanentRedirect")
    why = _WHY.search(said)
    return StoreAnswer(None, None, why[1].strip() if why else type(failure).__name__)
