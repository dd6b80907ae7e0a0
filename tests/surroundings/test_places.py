"""F14, F15, F16: commands in odd environments of a process: the same results, or a named refusal."""

import os
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore.client.network import bypassed
from tests.cli.program import Outcome
from tests.effort import SLICES, SURROUNDINGS
from tests.http.running import issue, running
from tests.surroundings.commands import Step, World
from tests.surroundings.conftest import Plain
from tests.surroundings.cutting import line_to
from tests.surroundings.places import LOCALES, PLACES, SHELLS, Place
from tests.surroundings.running import Runner, fresh, on
from tests.surroundings.story import compare, head, slices

_PARTS = max(SLICES, 12)
"""Processes of odd surroundings share the commands among them: one in so many for each."""
_ACCOUNTS = [place for place in PLACES if place.needs_root]
"""Other accounts: every command is run by one of them."""


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_command_does_the_same_or_says_why_not(
    place: Place, world: World, plain: Plain, copy_of_world: Callable[[], str], runner: Runner, public: Path
) -> None:
    if place.needs_root and os.geteuid() != 0:
        pytest.skip("only root becomes somebody else")
    among, parts = (_ACCOUNTS, len(_ACCOUNTS)) if place.needs_root else (PLACES, _PARTS)
    steps = list(slices(world.steps, parts, among.index(place)))
    keywords = dict(place.keywords)
    conninfo = copy_of_world()
    # Through TCP: who is not the account of the server may not enter the directory of its socket.
    with line_to(conninfo) as line:

        def tell(step: Step) -> Outcome:
            if keywords.get("directory_goes"):
                (public / "gone").mkdir(exist_ok=True)
                keywords["directory"] = str(public / "gone")
            given = on(line.conninfo, *step.words)
            return runner.run(*(given[1:] if place.text else given), **keywords)

        if place.text:
            expected = plain(steps)
            for step, wanted in zip(steps, expected, strict=True):
                assert tell(step).code == wanted.code, step.words
        else:
            compare(conninfo, tell, steps, plain(steps), place.refusals)


@pytest.mark.parametrize("locale", LOCALES[:SURROUNDINGS], ids=lambda locale: " ".join(locale.values()))
def test_text_is_told_in_any_locale(locale: dict[str, str], copy_of_world: Callable[[], str]) -> None:
    """Results hold any text; where it cannot be encoded, it is escaped, and the command has not failed."""
    conninfo = copy_of_world()
    new = fresh(
        "--database-url", conninfo, "package", "create", "pkg:generic/n@1", "--label", "k=ünï☃",
        environment=locale,
    )  # fmt: skip
    if locale.get("LC_ALL") == "POSIX":
        # Told by somebody to read ASCII, Python gives no text to anybody.
        assert (new.code, "error[bad-payload]" in new.stderr) == (2, True)
        return
    assert new.code == 0, new
    for words in (("package", "show", "pkg:generic/n@1"), ("package", "list")):
        assert fresh("--database-url", conninfo, *words, environment=locale).code == 0, words
    made = fresh(*on(conninfo, "package", "show", "pkg:generic/n@1"), environment=locale)
    assert made.code == 0
    if "utf-16" not in locale.values():
        assert made.objects[0]["labels"] == {"k": "ünï☃"}


@pytest.mark.parametrize("shell", SHELLS)
def test_streams_may_be_closed_or_full(shell: str, copy_of_world: Callable[[], str]) -> None:
    """What cannot be told is lost, not failed; a connection never stands in for a closed stream."""
    conninfo = copy_of_world()
    lost = ">" in SHELLS[shell].replace("2>", "").replace(">&3", "").replace("3>", "")
    with psycopg.connect(conninfo, autocommit=True) as admin:
        for number, words in enumerate(
            (("events", "--since", "0"), ("package", "create", "pkg:generic/n@1"))
        ):
            before = head(admin)
            outcome = fresh(*on(conninfo, *words), shell=SHELLS[shell])
            assert head(admin) - before == number, outcome
            if lost:
                assert outcome.code == 2, outcome
                assert not outcome.stderr or outcome.error["code"] == "output-lost"
            elif shell != "a reader that left":
                assert outcome.code == 0, outcome


def test_f15_who_has_no_name_is_a_number(copy_of_world: Callable[[], str], runner: Runner) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root becomes somebody else")
    without = ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME")
    with line_to(copy_of_world()) as line:
        words = ("--json", "--database-url", line.conninfo, "package", "create", "pkg:generic/n@1")
        made = runner.run(*words, uid=54_321, without=without)
    assert (made.code, made.objects[0]["actor"]) == (0, "user:54321")


@pytest.mark.parametrize("home", [None, "", "/nowhere", "relative"])
def test_f15_without_a_home_the_embedded_server_says_so(runner: Runner, home: str | None) -> None:
    """Nothing is made in a directory named ~ or below the working directory."""
    if os.geteuid() != 0:
        pytest.skip("only root becomes somebody else")
    without = ("HOME", "USER", "LOGNAME", "XDG_DATA_HOME")
    environment = {} if home is None else {"HOME": home}
    for command in (["status"], ["db", "status"], ["db", "start"], ["events", "--url", "http://127.0.0.1:1"]):
        told = runner.run("--json", *command, uid=54_321, without=without, environment=environment)
        if command == ["db", "status"] and told.code == 0:
            assert told.objects[0]["directory"].startswith("/nowhere/")
            continue
        assert (told.code, told.error["code"]) in ((2, "no-server"), (2, "file"), (2, "usage")), (
            command,
            told,
        )
    for told_directory in ("~nobody-of-that-name/x", "~/x"):
        environment = {"ARTIFACTSTORE_DATA_DIR": told_directory}
        told = runner.run("--json", "db", "status", uid=54_321, without=without, environment=environment)
        assert (told.code, told.error["code"]) == (2, "no-server")
    assert not Path("~").exists()


def test_a_data_directory_that_is_read_only_says_so(runner: Runner) -> None:
    """/proc can be written to by nobody, not even by root."""
    for command in ("start", "stop", "status"):
        told = runner.run("--json", "db", command, environment={"ARTIFACTSTORE_DATA_DIR": "/proc/data"})
        assert told.code == 0 or told.error["code"] in ("file", "no-server")
    assert runner.run("status", environment={"ARTIFACTSTORE_DATA_DIR": "/proc/data"}).code == 2


PROXIES: dict[str, tuple[dict[str, str], str | None]] = {
    "a network of IPv6": ({"NO_PROXY": "fd07::/64"}, None),
    "a network and a proxy": (
        {"NO_PROXY": "fd07::/64,127.0.0.0/8", "HTTP_PROXY": "http://nowhere.invalid:1"},
        None,
    ),
    "brackets": ({"NO_PROXY": "[::1]:80,[fd07::],127.0.0.1", "ALL_PROXY": "http://nowhere.invalid:1"}, None),
    "nonsense": (
        {"NO_PROXY": "::::,/,*x,[,http://,%zz ,127.0.0.1", "HTTP_PROXY": "http://nowhere.invalid"},
        None,
    ),
    "everything": ({"NO_PROXY": "a, *", "HTTP_PROXY": "http://nowhere.invalid:1"}, None),
    "a proxy for others": ({"HTTPS_PROXY": "ftp://x"}, None),
    "a proxy that is away": ({"HTTP_PROXY": "http://127.0.0.1:9"}, "service-unreachable"),
    "a proxy of another kind": ({"HTTP_PROXY": "ftp://x"}, "usage"),
    "socks": ({"ALL_PROXY": "socks5://u:secret@x:1"}, "usage"),
    "no proxy at all": ({"HTTP_PROXY": "http://"}, "usage"),
    "a port that is none": ({"HTTP_PROXY": "http://secret@x:y"}, "usage"),
    "no certificates": ({"SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": "/nowhere"}, None),
}


@pytest.mark.parametrize("proxy", PROXIES)
def test_f16_proxy_variables(
    proxy: str, copy_of_world: Callable[[], str], login_names: dict[str, str], runner: Runner
) -> None:
    environment, refusal = PROXIES[proxy]
    conninfo = copy_of_world()
    tokens = issue(conninfo)
    with running(make_conninfo(conninfo, user=login_names["service"]), tokens) as service:
        words = ("--json", "events", "--url", service.url, "--token", tokens["reader"], "--since", "0")
        told = runner.run(*words, environment=environment)
    assert "secret" not in told.stderr
    if refusal is None:
        assert (told.code, len(told.objects) > 20) == (0, True)
    else:
        assert told.error["code"] == refusal


@pytest.mark.parametrize(
    ("url", "no_proxy", "expected"),
    [
        ("http://[fd07::5]:8321", "fd07::/64", True),
        ("http://[fd08::5]:8321", "fd07::/64", False),
        ("http://10.1.2.3", "10.0.0.0/8", True),
        ("http://a.example.com", "example.com", True),
        ("http://a.example.com", ".example.com", True),
        ("http://a.example.com", "*.example.com", True),
        ("http://example.com", "example.com", True),
        ("http://badexample.com", "example.com", False),
        ("http://a:8321", "a:8321", True),
        ("http://a:8321", "a:80", False),
        ("https://a", "b c,a:443", True),
        ("http://A", "a", True),
        ("http://a", "", False),
        ("http://a", " , ,", False),
        ("http://a", ".", False),
    ],
)
def test_f16_no_proxy_is_read_as_people_write_it(url: str, no_proxy: str, expected: bool) -> None:
    assert bypassed(httpx.URL(url), no_proxy) is expected


@pytest.mark.parametrize(
    "url", ["", "x", "http://", "http://[::1", "ftp://x", "http://a:99999", "http://a b", "//x"]
)
def test_f16_a_url_that_is_none_is_usage(url: str, runner: Runner) -> None:
    told = runner.run("--json", "events", "--url", url, "--token", "x")
    assert (told.code, told.error["code"]) == (2, "usage")
