"""The environment variables that this software reads, in one place; and those that look as if it did.

Those of the service are the fields of ``artifactstore.http.Settings``.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from artifactstore.suggest import suggestion

PREFIX = "ARTIFACTSTORE_"

VARIABLES: Mapping[str, str] = {
    "ARTIFACTSTORE_DATA_DIR": "where the embedded server has its data",
    "ARTIFACTSTORE_KEEP_RUNNING": "1: the embedded server runs on when nobody uses it",
    "ARTIFACTSTORE_SERVER_USER": "the account that root's embedded server runs as",
    "ARTIFACTSTORE_URL": "the service that commands work on, in place of a database",
    "ARTIFACTSTORE_REGISTRY": "the same, by its name in registries.toml",
    "ARTIFACTSTORE_TOKEN": "the access token for a service",
    "ARTIFACTSTORE_STORES": "stores.toml: which stores this host knows",
    "ARTIFACTSTORE_DEBUG": "1: a defect ends with its traceback",
}
"""What the program reads, beside the settings of the service."""

_OF_OTHERS = re.compile(
    # The repository's scripts and tests; a program of the documentation.
    r"ARTIFACTSTORE_(?:TEST_\w+|VENV|PYTHON|FAULT)"
    # What Kubernetes gives every container of a namespace that has a service of such a name.
    r"|ARTIFACTSTORE_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\d+_(?:TCP|UDP)(?:_\w+)?)?)"
)
_FLAGS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def flag(name: str, text: str) -> bool:
    """What a variable says that is true or false; raises ``BadInput`` usage for anything else."""
    try:
        return _FLAGS[text.strip().lower()]
    except KeyError:
        from artifactstore.errors import BadInput  # with it the driver, which --help does not wait for

        raise BadInput("usage", {"problem": f"{name} is true or false, not {text!r}"}) from None


def unread(environment: Mapping[str, str], of_service: Callable[[], Iterable[str]]) -> Iterator[str]:
    """What is wrong with each variable that looks like one of ours and is none, in words.

    Args:
        of_service: gives the variables that the service reads; only asked when it matters.
    """
    strange = sorted(
        name
        for name in environment
        if name.upper().startswith(PREFIX) and name not in VARIABLES and not _OF_OTHERS.fullmatch(name)
    )
    if not strange:
        return
    known = set(of_service())
    for name in strange:
        if name not in known:
            close = suggestion(name.upper().removeprefix(PREFIX).lower(), _short([*VARIABLES, *known]))
            yield f"nothing reads {name}{_spelt(close)}"


def _short(names: list[str]) -> list[str]:
    return sorted(name.removeprefix(PREFIX).lower() for name in names if name.startswith(PREFIX))


def _spelt(close: str) -> str:
    """A suggestion of short names, with the names as they are."""
    return re.sub(r"[a-z]+(?:_[a-z]+)*(?=[,?])", lambda found: PREFIX + found[0].upper(), close)
