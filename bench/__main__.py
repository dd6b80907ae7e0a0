"""Measure artifactstore on a real server and compare with a baseline of the same run.

examples:
  scripts/bench replay                      a table, for people
  scripts/bench replay --events 20000       in a minute or so; goals hold for the default number
  scripts/bench replay --json > replay.json
  scripts/bench replay --database-url postgresql://postgres@db/postgres
  scripts/bench feed_cbor                   one figure of a bench
  scripts/bench operate jobs                some of them, one after the other
  scripts/bench all                         every bench, one table
  scripts/bench all --quick --guard         small sizes; fails if a ratio is far from what it was

exit codes:
  0  measured, whether or not goals were reached
  1  what was measured did not work, or --guard found a ratio far off
  2  usage
  5  the server cannot be used
"""

import argparse
import sys
from dataclasses import replace
from time import monotonic

import psycopg
from rich.console import Console
from rich.markup import escape

from artifactstore.errors import ArtifactstoreError
from bench.benches import BENCHES, find
from bench.database import fresh_server, processes_of
from bench.figures import Figure, machine, print_table, to_json
from bench.guard import far_off
from bench.noise import Watch
from bench.plan import Failed


def main() -> int:
    """Command line; the exit code."""
    parser = _parser()
    arguments = parser.parse_args()
    try:
        benches, wanted = find(*arguments.names)
    except KeyError as unknown:
        parser.error(f"there is no bench or figure {unknown.args[0]}")
    if arguments.events is not None and (len(benches) > 1 or not benches[0].by_events):
        parser.error(f"{' '.join(arguments.names)} has no number of events to choose")
    console = Console(stderr=True)
    figures: list[Figure] = []
    about: dict[str, object] = {}
    code, started = 0, monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{monotonic() - started:5.0f} s[/dim]  {escape(text)}", highlight=False)

    try:
        with fresh_server(arguments.database_url) as server:
            with psycopg.connect(server.conninfo) as connection:
                about = machine(connection)
            for bench in benches:
                size = bench.size(quick=arguments.quick, events=arguments.events)
                watch = Watch(processes_of(server))
                measured = bench.measure(server, size, say)
                # Of a server elsewhere it is not known what of the machine's time was for it.
                others = watch.share() if server.local else None
                figures += [replace(figure, others=others) for figure in measured]
    except (ArtifactstoreError, psycopg.OperationalError) as failure:
        console.print(f"the server cannot be used: {failure}", style="red", markup=False)
        code = 5
    except Failed as failure:
        console.print(f"what was measured did not work: {failure}", style="red", markup=False)
        code = 1
    if code and not figures:
        return code
    figures = [figure for figure in figures if figure.name in wanted]
    if arguments.json:
        sys.stdout.write(to_json(about, figures) + "\n")
    else:
        print_table(about, figures, Console())
    if arguments.guard:
        problems = far_off(figures)
        for problem in problems:
            console.print(problem, style="red", markup=False)
        code = code or bool(problems)
    return code


def _parser() -> argparse.ArgumentParser:
    abouts = "\n".join(f"{name}:\n{bench.about}" for name, bench in BENCHES.items())
    names = ", ".join(BENCHES)
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=__doc__.partition("\n")[0],
        epilog=__doc__.partition("\n\n")[2] + "\n" + abouts,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names", metavar="NAME", nargs="+", help=f"what to measure: all, {names}, or one of their figures"
    )
    parser.add_argument("--events", type=_positive, help="length of the log (default: that of the goals)")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, for CI: goals do not hold for them"
    )
    parser.add_argument(
        "--guard", action="store_true", help="fail if a ratio is worse than half of a recorded one"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--database-url",
        help="a superuser's connection; scratch databases are made there and dropped"
        " (default: an embedded server of its own, with default settings)",
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 100:
        raise argparse.ArgumentTypeError("at least 100 events")
    return number


if __name__ == "__main__":
    sys.exit(main())
