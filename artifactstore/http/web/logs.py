"""Logs on stderr: every request is one line, refused ones as warnings.

On a terminal a line is for people, elsewhere a JSON object.
"""

import json
import logging
import sys
import time
from typing import Any

LOGGER = logging.getLogger("artifactstore")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_REQUEST = frozenset({"method", "path", "status", "seconds"})
_COLOURS = {"INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "31"}
"""Of a level, as ECMA-48 numbers them."""


class JsonFormatter(logging.Formatter):
    """A record as JSON: time (UTC), level, logger, event, then what was given as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, ASCII only: no text of a client can forge another line or move a terminal."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        told: dict[str, Any] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        told |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str)


class LineFormatter(logging.Formatter):
    """A record for people: time of day (UTC), level, what happened, then what was given as ``extra``.

    A request is told as ``GET /packages 200 3.1 ms``. A traceback has lines of its own, set off.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line; no text of a client can begin another one, or move the terminal."""
        extra = {
            key: value for key, value in vars(record).items() if key not in _STANDARD and value is not None
        }
        told = record.getMessage()
        if extra.keys() >= _REQUEST:
            milliseconds = 1000 * extra["seconds"]
            told = f"{extra['method']} {extra['path']} {extra['status']} {milliseconds:.1f} ms"
            extra = {key: value for key, value in extra.items() if key not in _REQUEST}
        clock = time.strftime("%H:%M:%S", time.gmtime(record.created))
        level = f"\x1b[{_COLOURS.get(record.levelname, '0')}m{record.levelname.lower():<8}\x1b[0m"
        more = "".join(f" {key}={_printable(value)}" for key, value in extra.items())
        line = f"{clock}.{int(record.msecs):03d}Z {level}{_printable(told)}{more}"
        if record.exc_info:
            shown = self.formatException(record.exc_info).splitlines()
            line += "".join(f"\n  | {_printable(one)}" for one in shown)
        return line


def _printable(value: object) -> str:
    """A value as text; one with anything that cannot be seen as Python would write it."""
    text = str(value)
    return text if text.isprintable() else repr(text)[1:-1]


def configure(level: str) -> None:
    """Send the logs of the service, of uvicorn and of the pool to stderr, for people on a terminal."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter() if sys.stderr.isatty() else JsonFormatter())
    for name in ("artifactstore", "uvicorn", "uvicorn.error", "psycopg"):
        logger = logging.getLogger(name)
        logger.handlers = [handler] if name != "uvicorn.error" else []
        logger.propagate = name == "uvicorn.error"
        logger.setLevel(level.upper() if name == "artifactstore" else logging.WARNING)
    logging.getLogger("uvicorn.access").disabled = True
