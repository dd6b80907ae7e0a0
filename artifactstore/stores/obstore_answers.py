"""What obstore raises, as an answer of the store."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError

from artifactstore.stores.answers import StoreAnswer

# obstore keeps neither: its message quotes the answer.
_STATUS = re.compile(r"status code: (\d{3})\b", re.ASCII)
_CODE = re.compile(r"<Code>([A-Za-z0-9._-]{1,64})</Code>", re.ASCII)
_ELSEWHERE = "redirect without LOCATION"
"""What S3 says of a bucket of another region."""
_WHY = re.compile(r" - (?:HTTP error: )?([^\n<]{1,100})")


@contextmanager
def of_obstore() -> Iterator[None]:
    """Raise what obstore raises inside as a ``StoreAnswer``."""
    try:
        yield
    except (BaseError, OSError) as failure:
        said = str(failure)
        status, code = _STATUS.search(said), _CODE.search(said)
        if status is not None:
            raise StoreAnswer(int(status[1]), code[1] if code else None) from failure
        if _ELSEWHERE in said:
            raise StoreAnswer(301, "PermanentRedirect") from failure
        why = _WHY.search(said)
        raise StoreAnswer(None, None, why[1].strip() if why else type(failure).__name__) from failure
