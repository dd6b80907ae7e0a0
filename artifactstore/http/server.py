"""Running the application on uvicorn: one process or several, on a socket that is bound first."""

import os
import resource
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from uvicorn.supervisors import Multiprocess

from artifactstore.errors import BadInput
from artifactstore.http.connections import capacity
from artifactstore.http.service import CLOSE_SECONDS
from artifactstore.http.settings import Settings

_BACKLOG = 2048
_DESCRIPTORS = 65_536


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0: any that is free. Raises ``BadInput`` usage."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
        listening.set_inheritable(True)
    except (OSError, UnicodeError) as failure:  # the latter: no name that DNS could have
        reason = failure.strerror if isinstance(failure, OSError) else None
        problem = f"cannot listen on {host} port {port}: {reason or failure}"
        raise BadInput("usage", {"problem": problem}) from failure
    return listening


def address(listening: socket.socket) -> str:
    """The URL of a socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(settings: Settings, listening: socket.socket, workers: int) -> None:
    """Serve until SIGINT or SIGTERM; then end within ``settings.stop_seconds``.

    The workers read their settings from the environment, which must be that of ``settings``. Raises
    ``BadInput`` usage when a process may open too few files.
    """
    _open_many()
    capacity(settings)  # refused here, not by every worker in the middle of its start
    config = uvicorn.Config(
        "artifactstore.http:create_app",
        factory=True,
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        http="artifactstore.http.protocol:Protocol",
        ws="none",
        backlog=_BACKLOG,
        timeout_graceful_shutdown=max(1, settings.stop_seconds - int(2 * CLOSE_SECONDS)),
    )
    with _stopped_quietly():
        if workers == 1:
            uvicorn.Server(config).run(sockets=[listening])
            return
        with _shared_metrics():
            Multiprocess(config, sockets=[listening]).run()


def _open_many() -> None:
    """Let the process, and its workers, open as many files as it may: each client needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def _stopped_quietly() -> Iterator[None]:
    """uvicorn raises the signal that stopped it once more; here it has done its work by then."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _shared_metrics() -> Iterator[None]:
    """A directory in which workers add up their metrics, unless the environment names one."""
    name = "PROMETHEUS_MULTIPROC_DIR"
    if name in os.environ:
        yield
        return
    directory = Path(tempfile.mkdtemp(prefix="artifactstore-metrics-"))
    os.environ[name] = str(directory)
    try:
        yield
    finally:
        del os.environ[name]
        shutil.rmtree(directory, ignore_errors=True)
