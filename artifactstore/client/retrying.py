"""Which request is sent again, and when: what every client does alike.

Reads may be sent again, and so may commands, as each has an Idempotency-Key: it is carried out once.
"""

import random

import httpx

from artifactstore.client.messages import RemoteError

ATTEMPTS = 4
"""How often a request is sent at most."""
_FIRST_PAUSE = 0.2


def pause_before(attempt: int, failure: Exception) -> float:
    """Seconds to wait before the attempt of this number, from 2 on; raises the failure if there is none.

    A refusal that says when to come again is heeded.
    """
    passing = isinstance(failure, RemoteError) and failure.passing
    lost = isinstance(failure, httpx.TransportError) and not isinstance(
        failure, (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
    )
    if attempt > ATTEMPTS or not (passing or lost):
        raise failure
    asked = failure.retry_after if isinstance(failure, RemoteError) else None
    pause: float = _FIRST_PAUSE * 2 ** (attempt - 2)
    pause *= random.uniform(0.5, 1.5)  # noqa: S311 - no secret
    return max(asked or 0.0, pause)
