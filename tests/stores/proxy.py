"""A proxy between a store and its client that does to some requests what networks and servers do."""

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit

_LONGEST_HEAD = 65_536
_STALL = 3_600.0


@dataclass
class Request:
    """A request that came: its first line and all its bytes; ``pass_on`` has the store answer it."""

    line: str
    data: bytes
    pass_on: Callable[[], Awaitable[bytes]]
    writer: asyncio.StreamWriter

    async def answer(self, data: bytes) -> None:
        """Answer it and end the connection."""
        self.writer.write(data)
        await self.writer.drain()


Harm: TypeAlias = Callable[[Request], Awaitable[None]]


@dataclass
class Fault:
    """What is done to requests whose first line matches: ``times`` of them, after ``after`` others."""

    line: str
    harm: Harm
    times: int = 1
    after: int = 0
    met: int = field(default=0, init=False)

    def hits(self, line: str) -> bool:
        """Whether this request is one; counts it."""
        if not re.search(self.line, line):
            return False
        self.met += 1
        return self.after < self.met <= self.after + self.times


def says(status: int, code: str = "") -> Harm:
    """Answer with a code instead of the store."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>" if code else ""
    return lambda request: request.answer(_answer(status, body.encode()))


def says_after(status: int, body: bytes) -> Harm:
    """Have the store do it, then answer something else."""

    async def harm(request: Request) -> None:
        await request.pass_on()
        await request.answer(_answer(status, body))

    return harm


async def reset(request: Request) -> None:
    """End the connection before the store hears of it."""
    request.writer.transport.abort()


async def swallow(request: Request) -> None:
    """Have the store do it, and end the connection without an answer."""
    await request.pass_on()
    request.writer.transport.abort()


async def stall(_: Request) -> None:
    """Never answer."""
    await asyncio.sleep(_STALL)


async def swallow_and_stall(request: Request) -> None:
    """Have the store do it, and never answer."""
    await request.pass_on()
    await asyncio.sleep(_STALL)


async def twice(request: Request) -> None:
    """Have the store do it twice; the second answer goes out."""
    await request.pass_on()
    await request.answer(await request.pass_on())


async def truncate(request: Request) -> None:
    """Pass half of the answer on, then end the connection."""
    answer = await request.pass_on()
    await request.answer(answer[: answer.index(b"\r\n\r\n") + 4 + len(answer) // 2])
    request.writer.transport.abort()


async def stall_within(request: Request) -> None:
    """Pass half of the answer on, then nothing more."""
    answer = await request.pass_on()
    await request.answer(answer[: answer.index(b"\r\n\r\n") + 4 + len(answer) // 2])
    await asyncio.sleep(_STALL)


async def wrong_etag(request: Request) -> None:
    """Tell another ETag than the store."""
    answer = await request.pass_on()
    await request.answer(re.sub(rb'(?i)(etag:\s*"?)[0-9a-f]{4}', rb"\g<1>0000", answer, count=1))


async def other_bytes(request: Request) -> None:
    """Pass on a body with one bit changed."""
    request.data = request.data[:-1] + bytes([request.data[-1] ^ 1])
    await request.answer(await request.pass_on())


class Proxy:
    """Passes requests on to ``target`` but for those that a fault hits; ``seen``: first lines, in order."""

    def __init__(self, target: str) -> None:
        self._host, self._port = urlsplit(target).hostname, urlsplit(target).port
        self.faults: list[Fault] = []
        self.seen: list[str] = []
        self.endpoint = ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while not writer.is_closing():
                    await self._one(reader, writer)
        finally:
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line = head.split(b"\r\n", 1)[0].decode()
        self.seen.append(line)
        if re.search(rb"(?i)expect: 100-continue", head):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = re.sub(rb"(?i)expect: 100-continue\r\n", b"", head)
        length = re.search(rb"(?i)content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        request = Request(line, head + body, lambda: self._ask(request), writer)
        fault = next((fault for fault in self.faults if fault.hits(line)), None)
        if fault is None:
            await request.answer(await self._ask(request))
        else:
            await fault.harm(request)
            writer.close()
            await writer.wait_closed()

    async def _ask(self, request: Request) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(request.data)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if request.line.startswith("HEAD ") or re.match(rb"HTTP/1.1 (204|304)", head):
                return head
            if length:
                return head + await reader.readexactly(int(length[1]))
            body = await _chunks(reader)
            head = re.sub(rb"(?i)transfer-encoding: chunked\r\n", b"", head)
            return head[:-2] + b"Content-Length: %d\r\n\r\n" % len(body) + body
        finally:
            writer.transport.abort()

    def _run(self, started: threading.Event, ended: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
        async def serve() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", limit=_LONGEST_HEAD)
            self.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            started.set()
            await ended.wait()
            server.close()
            left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            await asyncio.sleep(0)  # what is being closed is closed by the loop

        loop.run_until_complete(serve())
        loop.close()

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        """Listen at ``endpoint``, in a thread."""
        loop, started, ended = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
        thread = threading.Thread(target=self._run, args=(started, ended, loop), daemon=True)
        thread.start()
        started.wait()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(ended.set)
            thread.join()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body


def _answer(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
