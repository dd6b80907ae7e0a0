"""What the operating system refuses, as an error by name: a file, a full disk, no more of something."""

import errno
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from artifactstore.errors import ArtifactstoreError, BadInput, error

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NONE_LEFT = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOBUFS, errno.ENOLCK, errno.EUSERS}
)
_NETWORK = frozenset(
    {
        errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.ENETUNREACH, errno.ENETDOWN,
        errno.ENETRESET, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT, errno.ENOTCONN,
    }
)  # fmt: skip


def refused(failure: OSError, path: object = None) -> ArtifactstoreError:
    """The error that a failure of the system means, judged by its errno.

    ``disk-full``, ``exhausted``, ``service-unreachable``, or ``file`` for all others; its detail has
    ``path``, ``reason``, the name of the ``errno`` and ``end``: client, since it is this machine.

    Args:
        path: what was used, when the failure itself does not say.
    """
    named = failure.filename if failure.filename is not None else path
    reason = failure.strerror or str(failure)
    told = "" if named is None else f"{_text(named)}: "
    detail: dict[str, object] = {"problem": f"{told}{reason}", "reason": reason, "end": "client"}
    if named is not None:
        detail["path"] = _text(named)
    if failure.errno is not None and failure.errno in errno.errorcode:
        detail["errno"] = errno.errorcode[failure.errno]
    return error(code_of(failure), detail)


def output_lost(failure: OSError) -> ArtifactstoreError:
    """The error that the result of a command cannot be told; the command has done its work."""
    told = refused(failure, "stdout").detail
    return error("output-lost", {name: value for name, value in told.items() if name != "code"})


@contextmanager
def named(path: object) -> Iterator[None]:
    """Tell, with failures of the system in the body that do not say it, which file they are about."""
    try:
        yield
    except OSError as failure:
        if failure.filename is None:
            failure.filename = _text(path)
        raise


def parse_toml(content: bytes, path: object) -> dict[str, Any]:
    """What a file of TOML holds; raises ``BadInput`` file for one that is none."""
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as failure:
        raise BadInput("file", {"problem": f"{path} is no TOML: {failure}", "path": str(path)}) from failure


def code_of(failure: OSError) -> str:
    """The code of ``errors.ERRORS`` that a failure has."""
    if failure.errno in _FULL:
        return "disk-full"
    if failure.errno in _NONE_LEFT:
        return "exhausted"
    if failure.errno in _NETWORK or isinstance(failure, TimeoutError):
        return "service-unreachable"
    return "file"


def _text(name: object) -> str:
    return os.fsdecode(name) if isinstance(name, (bytes, os.PathLike)) else str(name)
