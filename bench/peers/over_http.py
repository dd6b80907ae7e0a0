"""Many callers: 64 clients over HTTP, beside 16 that call write_message of message-db directly."""

import asyncio

from bench.database import Server, scratch_database
from bench.figures import ROUNDS, Figure, interleaved
from bench.http_append import CLIENTS
from bench.load import create_packages, service
from bench.peers.message_db import WRITE_ONE
from bench.plain_inserts import repeating
from bench.plan import Say

FIGURE = "peer_message_db_http"


def beside(server: Server, installed: str, seconds: float, say: Say) -> Figure:
    """The figure, of rates over ``seconds``; ``installed``: conninfo of a database that has message-db."""
    who, write = repeating(installed, WRITE_ONE)
    with scratch_database(server.conninfo) as conninfo, service(conninfo) as running:
        say(f"{who}, and {CLIENTS} over HTTP, {ROUNDS} times in turn")
        theirs, ours = interleaved(
            ROUNDS,
            lambda: write(seconds),
            lambda: asyncio.run(create_packages(running, CLIENTS, seconds)),
        )
    return Figure(FIGURE, ours, "commands/s", theirs, goal=1.5, against=who)
