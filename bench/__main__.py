"""Measure artifactstore on a real server and compare with a baseline of the same run.

examples:
  scripts/bench replay                      a table, for people
  scripts/bench replay --events 20000       in a minute or so; goals hold for the default number
  scripts/bench replay --json > replay.json
  scripts/bench replay --database-url postgresql://postgres@db/postgres
"""

import argparse
import sys

import psycopg
from rich.console import Console

from artifactstore.errors import ArtifactstoreError
from bench import http, operate, replay
from bench.database import fresh_server
from bench.figures import machine, print_table, to_json

BENCHES = {"replay": replay, "http": http, "operate": operate}


def main() -> int:
    """Command line; exit code 2 for a usage error, 5 when the server cannot be used."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=__doc__.partition("\n")[0],
        epilog=__doc__.partition("\n\n")[2]
        + "\n"
        + "\n".join(f"{name}:\n{bench.__doc__}" for name, bench in BENCHES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "name", choices=BENCHES, metavar="NAME", help=f"what to measure: {', '.join(BENCHES)}"
    )
    parser.add_argument("--events", type=_positive, help="length of the log (default: that of the goals)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--database-url",
        help="a superuser's connection; scratch databases are made there and dropped"
        " (default: an embedded server of its own, with default settings)",
    )
    arguments = parser.parse_args()
    bench = BENCHES[arguments.name]
    console = Console(stderr=True)
    try:
        with fresh_server(arguments.database_url) as server:
            with psycopg.connect(server.conninfo) as connection:
                about = machine(connection)
            figures = bench.measure(server, arguments.events or bench.DEFAULT_EVENTS, console.print)
    except (ArtifactstoreError, psycopg.OperationalError) as failure:
        console.print(f"the server cannot be used: {failure}", style="red")
        return 5
    if arguments.json:
        sys.stdout.write(to_json(about, figures) + "\n")
    else:
        print_table(about, figures, Console())
    return 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 100:
        raise argparse.ArgumentTypeError("at least 100 events")
    return number


if __name__ == "__main__":
    sys.exit(main())
