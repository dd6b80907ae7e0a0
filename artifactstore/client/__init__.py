"""A client of the service: commands, reads, and a tail of the feed that cannot miss an event unnoticed.

    with Client("http://127.0.0.1:8321", token) as client:
        for event in client.tail(since=0):
            print(event.sequence, event.event_type, event.payload)

``AsyncClient`` is the same with ``async with`` and ``async for``.
"""

from artifactstore.client.asynchronous import AsyncClient, AsyncTail
from artifactstore.client.following import Cursor, FeedError
from artifactstore.client.messages import FeedEvent, FeedPage, RemoteError
from artifactstore.client.synchronous import Client, Tail

__all__ = [
    "AsyncClient",
    "AsyncTail",
    "Client",
    "Cursor",
    "FeedError",
    "FeedEvent",
    "FeedPage",
    "RemoteError",
    "Tail",
]
