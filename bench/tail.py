"""The client of the service as a follower that catches up, with its defaults.

tail  artifactstore.client.Client follows the whole log over HTTP, checks every digest and makes events of
      all rows; the service holds less than a tenth of it in memory. Baseline: the same rows with psycopg,
      binary, by pages of 1,000
"""

from time import perf_counter

from artifactstore.client import Client
from bench.database import Server
from bench.feed import seconds_to_select, served_log
from bench.figures import ROUNDS, Figure, interleaved
from bench.load import Service
from bench.plan import Bench, Events, Failed, Say


def measure(server: Server, size: Events, say: Say) -> list[Figure]:
    """The figure, for a log of ``size.events`` events."""
    with served_log(server, size, say) as (connection, running, head):
        say(f"following it with the client, and reading it with psycopg, {ROUNDS} times in turn")
        plain, followed = interleaved(
            ROUNDS,
            lambda: seconds_to_select(connection, head),
            lambda: _seconds_to_follow(running, head),
        )
    return [Figure("tail", head / followed, "events/s", head / plain, goal=0.2)]


def _seconds_to_follow(running: Service, head: int) -> float:
    with Client(f"http://{running.host}:{running.port}", running.token) as client:
        started = perf_counter()
        events = sum(1 for _ in client.tail(0, until=head))
        taken = perf_counter() - started
    if events != head:
        raise Failed(f"the client delivered {events} events of {head}")
    return taken


BENCH = Bench(__doc__, ("tail",), measure, full=Events(100_000), quick=Events(25_000))
