"""The table of surroundings: what servers, databases, logins, environments and shells are set to."""

from dataclasses import dataclass, field
from typing import Any

ODD_SETTINGS = {
    "array_nulls": "off",
    "backslash_quote": "on",
    "bytea_output": "escape",
    "check_function_bodies": "off",
    "client_encoding": "SQL_ASCII",
    "client_min_messages": "error",
    "constraint_exclusion": "on",
    "datestyle": "SQL, DMY",
    "debug_parallel_query": "on",
    "default_text_search_config": "pg_catalog.german",
    "default_transaction_deferrable": "on",
    "default_transaction_isolation": "serializable",
    "enable_hashjoin": "off",
    "enable_seqscan": "off",
    "extra_float_digits": "-15",
    "intervalstyle": "sql_standard",
    "jit_above_cost": "1000",
    "lc_numeric": "C",
    "plan_cache_mode": "force_generic_plan",
    "plpgsql.extra_errors": "all",
    "quote_all_identifiers": "on",
    "row_security": "off",
    "search_path": "nowhere, public",
    "standard_conforming_strings": "off",
    "synchronous_commit": "off",
    "timezone": "Asia/Kathmandu",
    "timezone_abbreviations": "India",
    "transform_null_equals": "on",
    "work_mem": "64kB",
    "xmlbinary": "hex",
}
"""Whatever they are set to, nothing may come out differently."""

_RENAMED = {"debug_parallel_query": "force_parallel_mode"}


def odd_settings(major: int) -> dict[str, str]:
    """``ODD_SETTINGS`` as a server of this version calls them."""
    return {_RENAMED.get(name, name) if major < 16 else name: value for name, value in ODD_SETTINGS.items()}


@dataclass(frozen=True)
class Place:
    """Surroundings of a process, see ``Runner.run``; a refusal in them is one of ``refusals``."""

    name: str
    keywords: dict[str, Any] = field(default_factory=dict)
    refusals: frozenset[str] = frozenset()
    needs_root: bool = False
    text: bool = False


def _with(**environment: str) -> dict[str, Any]:
    return {"environment": environment}


PLACES = (
    Place("variables of libpq", _with(
        PGDATESTYLE="German", PGTZ="Pacific/Kiritimati", PGCLIENTENCODING="LATIN1", PGAPPNAME="x",
        PGOPTIONS="-c datestyle=SQL,DMY -c bytea_output=escape -c search_path=nowhere "
        "-c default_transaction_isolation=serializable", PGGEQO="off", PGCONNECT_TIMEOUT="7",
    )),
    Place("an encoding that is none", _with(PGCLIENTENCODING="nonsense")),
    Place("a service that is not there", _with(PGSERVICE="nowhere"), frozenset({"unavailable", "usage"})),
    Place("options that are none", _with(PGOPTIONS="-c nonsense"), frozenset({"unavailable", "usage"})),
    Place("a port that is none", _with(PGPORT="x", PGHOSTADDR="x"), frozenset({"unavailable", "usage"})),
    Place("a timeout that is none", _with(PGCONNECT_TIMEOUT="x")),
    Place("a wish for a standby", _with(PGTARGETSESSIONATTRS="standby"), frozenset({"unavailable"})),
    Place("proxies", _with(
        HTTP_PROXY="http://u:p@nowhere.invalid:1", https_proxy="ftp://x", ALL_PROXY="socks5://x",
        NO_PROXY="fd07::/64", no_proxy="10.0.0.0/8,[::1],*.x",
    )),
    Place("no home", {"without": ("HOME", "USER", "LOGNAME")}),
    Place("a home that is not there", _with(HOME="/nowhere/at/all", XDG_DATA_HOME="/nowhere/either")),
    # Some steps write to files that another account has made.
    Place("a user without a name", {"uid": 54_321, "without": ("HOME", "USER", "LOGNAME")},
          frozenset({"usage", "file", "store-refused", "store-unavailable"}), needs_root=True),
    Place("nobody", {"uid": 65_534, "without": ("HOME", "USER", "LOGNAME")},
          frozenset({"usage", "file", "store-refused", "store-unavailable"}), needs_root=True),
    Place("umask 077", {"umask": 0o077}),
    Place("umask 0777", {"umask": 0o777}),
    Place("few files", {"files": 20}, frozenset({"usage", "unavailable", "file", "exhausted"})),
    Place("hardly any files", {"files": 10}, frozenset({"usage", "unavailable", "file", "exhausted"})),
    Place("an odd time zone", _with(TZ="Nowhere/At_All")),
    Place("a time zone of its own", _with(TZ="<+0545>-5:45")),
    Place("a directory that went away", {"directory": "gone", "directory_goes": True}, frozenset({"usage"})),
    Place("no PATH", _with(PATH="")),
    Place("no place for temporary files", _with(TMPDIR="/nowhere", TEMP="", TMP="")),
    Place("a terminal one column wide", {"terminal": True, **_with(COLUMNS="1", TERM="xterm")}, text=True),
    Place("a terminal that can do nothing", {"terminal": True, **_with(TERM="dumb", NO_COLOR="1")},
          text=True),
    Place("a terminal that is none", {"terminal": True, **_with(TERM="no-such-terminal", COLUMNS="x")},
          text=True),
    Place("a terminal without a name", {"terminal": True, **_with(TERM="")}, text=True),
    Place("a full disk for results", {"stdout": "/dev/full"}, frozenset({"output-lost"})),
)  # fmt: skip

LOCALES = (
    {"LC_ALL": "C"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR"},
    {"LANG": "nonsense", "LC_CTYPE": "nonsense"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1:strict", "PYTHONUTF8": "0"},
    {"PYTHONIOENCODING": "utf-16"},
    {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
    {"PYTHONOPTIMIZE": "2"},
)
"""What Python reads when it begins."""

SHELLS = {
    "no stdin": '"$@" <&-',
    "no stdout": '"$@" >&-',
    "no stderr": '"$@" 2>&-',
    "nothing": '"$@" <&- >&- 2>&-',
    "a full disk": '"$@" >/dev/full',
    "a reader that left": '{ "$@"; echo $? >&3; } 3>&2 | true',
}
"""How a shell may run the program."""
