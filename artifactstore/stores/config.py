"""stores.toml: which stores this host knows, and how it uses them; never a secret.

::

    min_copies = 1

    [stores.shelf]
    type = "local"
    root = "/srv/artifacts"

The file is per host on purpose: the service may write, only the host of the keeper needs the right to delete.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from artifactstore import system
from artifactstore.errors import BadInput
from artifactstore.stores import units
from artifactstore.suggest import suggestion

TYPES = ("local", "s3", "azure", "gcs")
VARIABLE = "ARTIFACTSTORE_STORES"
OF_HOST = Path("/etc/artifactstore/stores.toml")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_SECRET = re.compile(
    r"secret|passw|token|private|access_?key|account_?key|api_?key|credential|sas\b|connection_?string"
)
_ELSEWHERE = "say profile or credentials_file, or use the variables of the store's own tools"
_MOST_COPIES = 100
_BESIDE = ("min_copies", "restore_window", "stores")
"""Keys of the file beside those of a store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """What is said of one store.

    Attributes:
        name: the ``backend`` of its locations. type: one of ``TYPES``.
        root: directory of a local store.
        bucket, prefix, region, endpoint, addressing: where a store over a network is; ``prefix`` is empty or
            ends with a slash. account: of azure.
        public_endpoint: what presigned URLs are signed for; None: there are none.
        profile, credentials_file: where the credentials are; neither: where the SDK looks for them.
        ca_bundle, proxy, sse: how to connect, and what the store encrypts with.
        direct: whether clients may upload to ``public_endpoint`` themselves.
        verify_writes: whether what was written is read back.
        lock: ``mirror`` puts retention into the store, ``off`` says that it is not wanted there; None:
            neither, and doctor tells what the store does not know.
        dedupe: whether a known object of the same content is named instead of written again.
        serve: how content leaves: ``stream``, ``redirect`` or ``auto``.
        remove_after: for how long bytes that were given up stay.
        min_free: share of the place that stays free.
        repair: whether bad copies are replaced by good ones.
        mirror_of: stores of which this one gets what it lacks.
        read_every, read_bytes, requests: how often each copy is read, at how many bytes and requests a
            second.
        readonly, base: a place of others that is read, below this URI, and never written to or removed from.
    """

    name: str
    type: str
    root: Path | None = None
    bucket: str | None = None
    prefix: str = ""
    region: str | None = None
    endpoint: str | None = None
    addressing: str = "auto"
    account: str | None = None
    public_endpoint: str | None = None
    profile: str | None = None
    credentials_file: Path | None = None
    ca_bundle: Path | None = None
    proxy: str | None = None
    sse: str | None = None
    direct: bool = False
    verify_writes: bool = False
    lock: str | None = None
    dedupe: bool = True
    serve: str = "auto"
    remove_after: timedelta = timedelta(days=7)
    min_free: float = 0.05
    repair: bool = True
    mirror_of: tuple[str, ...] = ()
    read_every: timedelta = timedelta(days=180)
    read_bytes: int = 20_000_000
    requests: int = 20
    readonly: bool = False
    base: str | None = None

    @property
    def place(self) -> str:
        """Where it is, for people: a directory or a URL."""
        if self.base is not None:
            return self.base
        if self.root is not None:
            return str(self.root)
        scheme = {"azure": "az", "gcs": "gs"}.get(self.type, self.type)
        return f"{scheme}://{self.bucket}/{self.prefix}"

    def place_of(self, key: str) -> str:
        """Where an object is, as other tools name it."""
        return f"{self.place.rstrip('/')}/{key}"


@dataclass(frozen=True, slots=True)
class StoresConfig:
    """All that a file says; ``path`` is None where there is none, and then there is no store.

    Attributes:
        min_copies: copies without which an ingest of a file has failed.
        restore_window: how far back the database may be restored, for doctor to compare; None: not said.
        stores: by name, in the order of the file, which is the order of reading.
    """

    path: Path | None = None
    min_copies: int = 1
    stores: Mapping[str, StoreConfig] = field(default_factory=dict)
    restore_window: timedelta | None = None


def text(value: object) -> str:
    """A text of printable characters, not empty."""
    if isinstance(value, str) and value and value.isprintable() and len(value) <= 4_096:
        return value
    raise ValueError("a text")


def flag(value: object) -> bool:
    """true or false."""
    if isinstance(value, bool):
        return value
    raise ValueError("true or false")


def absolute(value: object) -> Path:
    """An absolute path."""
    path = Path(text(value))
    if path.is_absolute():
        return path
    raise ValueError("an absolute path")


def prefix(value: object) -> str:
    """Where in a bucket: segments that end with a slash each."""
    given = text(value)
    if given.endswith("/") and all(part not in ("", ".", "..") for part in given[:-1].split("/")):
        return given
    raise ValueError('segments with a slash behind each, such as "as/"')


def url(value: object) -> str:
    """An http or https URL without user, password, query and fragment, all of which may be secrets."""
    given = text(value)
    try:
        parts = urlsplit(given)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if named and "@" not in parts.netloc and not parts.query and not parts.fragment:
        return given.rstrip("/")
    raise ValueError("a URL such as https://s3.example.org, without user and password")


def base(value: object) -> str:
    """A URI that others' objects begin with."""
    given = text(value)
    if re.fullmatch(r"[a-z][a-z0-9+.-]*://[^@?#]+/", given, re.ASCII):
        return given
    raise ValueError("a URI that ends with a slash, such as s3://other/")


def one_of(*words: str) -> Callable[[object], str]:
    """One of some words."""

    def read(value: object) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise ValueError(f"one of {', '.join(words)}")

    return read


def names(value: object) -> tuple[str, ...]:
    """Names of stores, at least one, none twice."""
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        given = tuple(value)
        if len(set(given)) == len(given):
            return given
    raise ValueError('names of stores, such as ["main"]')


_OVER_NETWORK = ("s3", "azure", "gcs")
_S3 = ("s3",)
_KEYS: Mapping[str, tuple[tuple[str, ...], Callable[[object], Any]]] = {
    "type": (TYPES, one_of(*TYPES)),
    "root": (("local",), absolute),
    "bucket": (_OVER_NETWORK, text),
    "prefix": (_OVER_NETWORK, prefix),
    "region": (_S3, text),
    "endpoint": (_OVER_NETWORK, url),
    "addressing": (_S3, one_of("auto", "path", "virtual")),
    "account": (("azure",), text),
    "public_endpoint": (_S3, url),
    "profile": (_S3, text),
    "credentials_file": (_OVER_NETWORK, absolute),
    "ca_bundle": (_OVER_NETWORK, absolute),
    "proxy": (_OVER_NETWORK, url),
    "sse": (_S3, text),
    "direct": (_S3, flag),
    "verify_writes": (TYPES, flag),
    "lock": (TYPES, one_of("off", "mirror")),
    "dedupe": (TYPES, flag),
    "serve": (TYPES, one_of("stream", "redirect", "auto")),
    "remove_after": (TYPES, units.duration),
    "min_free": (TYPES, units.share),
    "repair": (TYPES, flag),
    "mirror_of": (TYPES, names),
    "read_every": (TYPES, units.duration),
    "read_bytes": (TYPES, units.bytes_a_second),
    "requests": (TYPES, units.times_a_second),
    "readonly": (_OVER_NETWORK, flag),
    "base": (_OVER_NETWORK, base),
}
"""Every key of a store: for which types, and what reads its value."""


def find(given: Path | None = None) -> Path | None:
    """The file that counts: as given, else by ARTIFACTSTORE_STORES, else of the host, else of the user."""
    if given is not None:
        return given
    if named := os.environ.get(VARIABLE):
        return Path(named)
    from platformdirs import user_config_path

    places = [OF_HOST]
    with suppress(RuntimeError):  # an account without a name has no home
        places.append(user_config_path("artifactstore") / "stores.toml")
    return next((path for path in places if path.exists()), None)


def load(given: Path | None = None) -> StoresConfig:
    """What the file says; without one, that there is no store.

    Raises ``BadInput``: usage with file, table and key of what cannot be, file for what cannot be read.
    """
    path = find(given)
    if path is None:
        return StoresConfig()
    try:
        content = path.read_bytes()
    except OSError as failure:
        raise system.refused(failure, path) from failure
    try:
        return parse(tomllib.loads(content.decode()), path)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as failure:
        # What Python says of it may show the line: say where, not what.
        where = re.search(r"line \d+, column \d+", str(failure))
        problem = f"{path} is no TOML" + (f" ({where[0]})" if where else "")
        raise BadInput("file", {"problem": problem, "path": str(path)}) from None


def parse(document: Mapping[str, object], path: Path) -> StoresConfig:
    """What a document says; raises ``BadInput`` usage."""
    for key in document:
        if key not in _BESIDE:
            raise _unknown(path, "", key, _BESIDE)
    copies = document.get("min_copies", 1)
    if not isinstance(copies, int) or isinstance(copies, bool) or not 1 <= copies <= _MOST_COPIES:
        raise _bad(path, "", "min_copies", f"is a number from 1 to {_MOST_COPIES}")
    tables = document.get("stores", {})
    if not isinstance(tables, dict):
        raise _bad(path, "", "stores", "is a table for each store: [stores.NAME]")
    stores = {name: _store(path, name, table) for name, table in tables.items()}
    for name, given in stores.items():
        for other in given.mirror_of:
            if other == name or other not in stores:
                problem = f"names other stores of this file{suggestion(other, [*stores.keys() - {name}])}"
                raise _bad(path, f"stores.{name}", "mirror_of", problem)
    window = None
    if "restore_window" in document:
        try:
            window = units.duration(document["restore_window"])
        except ValueError as problem:
            raise _bad(path, "", "restore_window", f"is {problem}") from None
    return StoresConfig(path, copies, stores, window)


def _store(path: Path, name: str, table: object) -> StoreConfig:
    if not _NAME.fullmatch(name) or name == "file":
        problem = "is no name of a store: a-z, 0-9 and -, up to 63, and not file: such copies no store keeps"
        raise _bad(path, "stores", name, problem)
    place = f"stores.{name}"
    if not isinstance(table, dict):
        raise _bad(path, "stores", name, f"is a table: [{place}]")
    if "type" not in table:
        raise _bad(path, place, "type", f"is lacking: one of {', '.join(TYPES)}")
    kind = _value(path, place, "type", table["type"])
    known = [key for key, (types, _) in _KEYS.items() if kind in types]
    for key in table:
        if key not in known:
            raise _unknown(path, place, key, known)
    values = {key: _value(path, place, key, value) for key, value in table.items()}
    _check_together(path, place, values)
    return StoreConfig(name=name, **values)


def _value(path: Path, place: str, key: str, value: object) -> Any:
    try:
        return _KEYS[key][1](value)
    except ValueError as problem:
        raise _bad(path, place, key, f"is {problem}") from None  # never the value: it may be a secret


def _check_together(path: Path, place: str, values: Mapping[str, Any]) -> None:
    """Raise ``BadInput`` usage for keys that need or exclude each other."""
    if values.get("readonly", False) != ("base" in values):
        raise _bad(path, place, "readonly", "and base belong together: neither means anything alone")
    if values.get("readonly", False) and "mirror_of" in values:
        raise _bad(path, place, "mirror_of", "is nothing for a store that is not written to")
    needed = "root" if values["type"] == "local" else "bucket"
    if needed not in values and "base" not in values:
        raise _bad(path, place, needed, "is lacking")
    if "profile" in values and "credentials_file" in values:
        raise _bad(path, place, "profile", "and credentials_file exclude each other")
    for key in ("direct", "serve"):
        if values.get(key) in (True, "redirect") and "public_endpoint" not in values:
            raise _bad(path, place, key, "needs public_endpoint, which presigned URLs are signed for")
    if values.get("lock") == "mirror" and values["type"] != "s3":
        raise _bad(path, place, "lock", "can be mirror for s3 alone: nothing else keeps what is locked")
    if values.get("lock") == "mirror" and values.get("readonly"):
        raise _bad(path, place, "lock", "cannot be mirror where nothing is written")


def _unknown(path: Path, place: str, key: str, known: Any) -> BadInput:
    if _SECRET.search(key.lower()):
        return _bad(path, place, key, f"looks like a secret; {_ELSEWHERE}")
    return _bad(path, place, key, f"means nothing here{suggestion(key, known)}")


def _bad(path: Path, place: str, key: str, problem: str) -> BadInput:
    table = f"[{place}] " if place else ""
    told = {"problem": f"{path}: {table}{key} {problem}", "path": str(path), "table": place, "key": key}
    return BadInput("usage", told, "docs/how-to/stores.md shows what stores.toml may say")
