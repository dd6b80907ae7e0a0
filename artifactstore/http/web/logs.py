"""Logs: one JSON object per line on stderr; every request is one line, refused ones as warnings."""

import json
import logging
import sys
import time
from typing import Any

LOGGER = logging.getLogger("artifactstore")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


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


def configure(level: str) -> None:
    """Send the logs of the service, of uvicorn and of the pool to stderr, as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name in ("artifactstore", "uvicorn", "uvicorn.error", "psycopg"):
        logger = logging.getLogger(name)
        logger.handlers = [handler] if name != "uvicorn.error" else []
        logger.propagate = name == "uvicorn.error"
        logger.setLevel(level.upper() if name == "artifactstore" else logging.WARNING)
    logging.getLogger("uvicorn.access").disabled = True
