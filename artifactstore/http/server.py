"""Running the application on uvicorn: one process or several, on a socket that is bound first."""

import logging
import os
import resource
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from artifactstore import system
from artifactstore.errors import error
from artifactstore.exits import EXIT_OK
from artifactstore.http.app import create_app
from artifactstore.http.settings import Settings, host_name, variable
from artifactstore.http.web.connections import capacity

_BACKLOG = 2048
_DESCRIPTORS = 65_536
_LAST_SECONDS = 0.5
"""Between the time in which a stop has ended and the end by force."""

_log = logging.getLogger("artifactstore")


def check_limits(settings: Settings) -> None:
    """Take as many files as the process may have; raises ``BadInput`` usage when these are too few."""
    _open_many()
    capacity(settings)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0: any that is free. Raises ``BadInput`` address, ``Busy`` exhausted."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with ExitStack() as failing:
            listening = failing.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(_BACKLOG)
            listening.set_inheritable(True)
            failing.pop_all()
    except (OSError, UnicodeError) as failure:  # the latter: no name that DNS could have
        reason = failure.strerror if isinstance(failure, OSError) and failure.strerror else str(failure)
        told = {"problem": f"{host} port {port}: {reason}", "host": host, "port": port, "reason": reason}
        busy = (
            isinstance(failure, OSError)
            and not isinstance(failure, socket.gaierror)
            and system.code_of(failure) == "exhausted"
        )
        raise error("exhausted" if busy else "address", told) from failure
    return listening


def address(listening: socket.socket) -> str:
    """The URL of a socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def check_content_origin(settings: Settings, host: str, listening: socket.socket) -> None:
    """Raise ``BadInput`` usage for reports at the host of the explorer: they could act in its name."""
    for name in (host, listening.getsockname()[0]):
        if settings.content_host == host_name(f"[{name}]" if ":" in name else name):
            problem = f"{variable('content_origin')} is a host of its own, not {name}: the explorer is there"
            raise error("usage", {"problem": problem})


def serve(settings: Settings, listening: socket.socket, workers: int) -> None:
    """Serve until SIGINT or SIGTERM; then end within ``settings.stop_seconds``.

    The workers read their settings from the environment, which must be that of ``settings``; see
    ``check_limits``.
    """
    config = uvicorn.Config(
        "artifactstore.http.server:application",
        factory=True,
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        http="artifactstore.http.web.protocol:Protocol",
        ws="none",
        backlog=_BACKLOG,
        timeout_graceful_shutdown=settings.graceful_seconds,
    )
    with _stopped_quietly():
        if workers == 1:
            uvicorn.Server(config).run(sockets=[listening])
            return
        with _shared_metrics():
            Multiprocess(config, sockets=[listening]).run()


def application() -> Starlette:
    """The application of a process that ``serve`` runs; uvicorn makes it when its signal handlers are set."""
    settings = Settings.from_environment()
    _end_in_time(settings.stop_seconds)
    return create_app(settings)


def _end_in_time(seconds: int) -> None:
    """End this process so long after the first signal that stops it, whatever holds up its own end.

    Nothing is lost by that: what is committed is, and who was not answered cannot know. A thread may be in
    the resolver, which nothing interrupts and which Python waits for.
    """

    def end() -> None:
        _log.error("the stop took too long", extra={"stop_seconds": seconds})
        os._exit(EXIT_OK)

    alarm = threading.Timer(seconds - _LAST_SECONDS, end)
    alarm.daemon = True

    def handle(number: int, frame: FrameType | None) -> None:
        if alarm.ident is None:
            alarm.start()
        before = handlers[number]
        if callable(before):
            before(number, frame)

    handlers = {int(number): signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}


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
