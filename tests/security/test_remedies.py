"""F42: what doctor advises works: every finding is made, its remedy is run, and the finding is gone.

Each remedy runs as the login that it is meant for. A finding in the source without a case here fails a test.
"""

import ast
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore import server
from artifactstore.events import FileIngested, NewEvent, PackageCreated, new_id
from artifactstore.jobs import doctor
from artifactstore.jobs.keeper import collect as collecting
from artifactstore.jobs.keeper import health
from artifactstore.migrate import migrate
from artifactstore.store import Store
from artifactstore.store.health import Health
from tests.cli.program import PURL, Program
from tests.databases import create_database, drop_database, programs, running_cluster, superuser_conninfo
from tests.docs.snippets import DOCS
from tests.stores.kept import old_key
from tests.timing import until

PREFIX = "remedy"
QUEUE_PAGES = 64
"""Of notifications: the smallest queue that there is."""
SETTING = re.compile(r"say (?P<setting>.+) in (?P<table>\[.+\]) of (?P<file>/.+)")
STATEMENT = re.compile(r"""(?:[^;'"]|'[^']*'|"[^"]*")+;""")


@dataclass
class Site:
    """A database of a case's own: as a superuser, and by login."""

    admin: psycopg.Connection
    conninfo: str
    directory: Path

    def program(self, login: str | None = None) -> Program:
        """The program as a login, None: a superuser."""
        return Program(make_conninfo(self.conninfo, **({"user": login} if login else {})), self.admin)

    def findings(self, check: str, login: str | None = None) -> list[dict[str, Any]]:
        """What doctor finds of one check."""
        (told,) = self.program(login).run("--json", "doctor").objects
        return [one for one in told["findings"] if one["check"] == check]

    def run(self, sql: str) -> None:
        """As a superuser."""
        self.admin.execute(sql.encode())


Setup = Callable[[Site, pytest.MonkeyPatch], Iterator[None]]


@dataclass(frozen=True)
class Case:
    """A finding and how it comes about.

    Attributes:
        check: of the finding. setup: makes it; resumed when the case is over.
        login: who asks doctor. told: a part of what it says. remedy: whether there is one to be run.
        stays: the remedy shows what is to be done by hand; the finding is not gone by it.
    """

    check: str
    setup: Setup
    login: str | None = None
    told: str = ""
    remedy: bool = True
    stays: bool = False


CASES: list[Case] = []


def case(check: str, **more: Any) -> Callable[[Setup], Setup]:
    """Register a case."""

    def register(setup: Setup) -> Setup:
        CASES.append(Case(check, setup, **more))
        return setup

    return register


@case("version")
def outdated(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    site.run("UPDATE artifactstore.software SET version = '0.0.1'")
    yield


@case("home", told="appends are refused")
def moved(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    site.run("UPDATE artifactstore.home SET database_oid = 1")
    yield


@case("home", told="promoted")
def promoted(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    site.run("UPDATE artifactstore.home SET timeline = 7")
    yield


@case("views")
def emptied(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    with site.admin.transaction():
        site.run("SELECT set_config('artifactstore.projecting', 'on', true)")
        (row,) = site.admin.execute("SELECT artifactstore.view_names()").fetchall()
        site.run(f"TRUNCATE {', '.join(f'artifactstore.{name}' for name in row[0])}")
    yield


@case("evidence")
def cut(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    site.program().row("token", "create", "user:ann", "--role", "reader")
    with site.admin.transaction():
        site.run("ALTER TABLE artifactstore.events DISABLE TRIGGER USER")
        site.run("DELETE FROM artifactstore.events WHERE event_type = 'v1.system.token_issued'")
    # It puts the triggers back.
    assert site.program().run("migrate").code == 0
    yield


@case("sight", login="bare", told="what speaks of lost events")
def without_a_role(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    site.run(f"GRANT {PREFIX}_reader, pg_read_all_stats TO bare")
    yield
    site.run(f"REVOKE {PREFIX}_operator, {PREFIX}_service FROM bare")


@case("sight", login="op", told="what other sessions do")
def without_statistics(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    site.run("REVOKE pg_read_all_stats FROM op")
    yield


@case("sight", login="op", told="could not be looked at")
def without_sight(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    for part in ("reader", "writer", "service", "operator"):
        site.run(f"REVOKE ALL ON FUNCTION artifactstore.copy_removals FROM {PREFIX}_{part}")
    yield


@case("append-lock", told="has the append lock")
def held(site: Site, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """By one backend twice: the table locked in two modes."""
    patch.setattr("artifactstore.jobs.doctor.LOCK_SECONDS", 0.0)
    patch.setattr("artifactstore.jobs.doctor.IDLE_SECONDS", 0.0)
    with psycopg.connect(site.conninfo) as holder:
        holder.execute("SELECT artifactstore.lock_log()")
        holder.execute("LOCK TABLE artifactstore.append_lock IN ACCESS EXCLUSIVE MODE")
        assert [one["check"] for one in site.program().run("--json", "doctor").objects[0]["findings"]
                if "backend" in one["what"]] == ["append-lock"]  # fmt: skip
        yield
        with pytest.raises(psycopg.OperationalError):
            holder.execute("SELECT 1")


@case("transaction")
def idle(site: Site, patch: pytest.MonkeyPatch) -> Iterator[None]:
    patch.setattr("artifactstore.jobs.doctor.IDLE_SECONDS", 0.0)
    with psycopg.connect(site.conninfo) as sleeper:
        sleeper.execute("SELECT 1")
        yield
        with pytest.raises(psycopg.OperationalError):
            sleeper.execute("SELECT 1")


@case("prepared")
def prepared(site: Site, patch: pytest.MonkeyPatch) -> Iterator[None]:
    patch.setattr("artifactstore.jobs.doctor.IDLE_SECONDS", 0.0)
    with psycopg.connect(site.conninfo) as connection:
        connection.execute("SELECT count(*) FROM artifactstore.events")
        connection.execute("PREPARE TRANSACTION 'it''s; \\old'")
    yield


@case("slot")
def unused_slot(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    site.run("SELECT pg_create_physical_replication_slot('nobodys')")
    yield


@case("notifications", told="may keep it")
def full_queue(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    with _queue_filled(site) as stranger:
        yield
        with pytest.raises(psycopg.OperationalError):
            stranger.execute("SELECT 1")


@case("notifications", login="bare", told="the server's log names one", remedy=False)
def full_queue_unseen(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    """By a login that may not see what others do."""
    site.run(f"GRANT {PREFIX}_reader TO bare")
    site.run("REVOKE pg_read_all_stats FROM bare")
    with _queue_filled(site):
        yield


@contextmanager
def _queue_filled(site: Site) -> Iterator[psycopg.Connection]:
    """Somebody listens and stays in a transaction while more than half of the queue fills behind them."""
    if site.admin.info.server_version < 170000:
        pytest.skip("a queue of 8 GB cannot be made smaller before PostgreSQL 17")
    with psycopg.connect(site.conninfo) as stranger:
        stranger.execute("LISTEN anything")
        stranger.commit()
        stranger.execute("SELECT 1")
        for number in range(QUEUE_PAGES * 5 // 8):
            site.run(f"SELECT pg_notify('anything', '{number} {'x' * 7000}')")
        yield stranger
        stranger.close()


@case("content", remedy=False)
def one_content_of_two_sizes(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    store, package = Store(site.admin), new_id()
    store.writes.append([NewEvent(PackageCreated(purl=PURL), package, "user:ann")])
    for size in (5, 6):
        file = FileIngested(package_id=package, path=f"{size}", size=size, blake3=bytes(32))
        store.writes.append([NewEvent(file, new_id(), "user:ann")])
    yield


@case("projectors")
def stale(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    site.run("UPDATE artifactstore.software SET viewed_by = '\\x00'")
    yield


@case("replay", remedy=False)
def under_way(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    with psycopg.connect(site.conninfo, autocommit=True) as worker:
        worker.execute("SELECT artifactstore.begin_rebuild()")
        worker.execute("BEGIN")
        worker.execute("SELECT artifactstore.rebuild_next()")
        yield


@case("leftover")
def left_over(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    site.run("SELECT artifactstore.rebuild('artifactstore_verify_1')")
    yield


@case("leftover", told="stays")
def left_over_in_use(site: Site, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """What --fix itself finds: somebody reads there. When they are gone, the same command works."""
    site.run("SELECT artifactstore.rebuild('artifactstore_verify_1')")
    with psycopg.connect(site.conninfo) as reader:
        reader.execute("SELECT count(*) FROM artifactstore_verify_1.artifact_packages")
        (told,) = site.program().run("--json", "doctor", "--fix").objects
        (stays,) = [one for one in told["findings"] if "stays" in one["what"]]
        assert stays["fix"] == "artifactstore doctor --fix"
    # As if doctor said what it said then.
    patch.setattr(doctor, "_leftovers", partial(_renamed, doctor._leftovers))
    yield


def _renamed(look: Callable[[Health], Iterator[doctor.Advice]], health: Health) -> Iterator[doctor.Advice]:
    for one in look(health):
        yield doctor.Advice(one.severity, one.check, f"{one.what} and stays", one.fix, one.schema, one.by)


@case("privilege", told="SELECT ON")
def wide_grants(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Also one that was passed on by somebody else than the owner."""
    site.run("GRANT SELECT ON artifactstore.tokens TO PUBLIC")
    site.run("GRANT SELECT ON artifactstore.tokens TO op WITH GRANT OPTION")
    site.run("SET ROLE op; GRANT SELECT ON artifactstore.tokens TO bare; RESET ROLE")
    yield


@case("privilege", told="role reader")
def mighty_role(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    site.run(f"ALTER ROLE {PREFIX}_reader LOGIN CREATEDB")
    yield
    site.run(f"ALTER ROLE {PREFIX}_reader NOLOGIN NOCREATEDB")


@case("privilege", told=" IN ")
def members_of_each_other(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    """The owner's role given to the operator's by a login that is no superuser."""
    site.run(f"GRANT {PREFIX}_owner TO maker WITH ADMIN OPTION")
    site.run(f"SET ROLE maker; GRANT {PREFIX}_owner TO {PREFIX}_operator; RESET ROLE")
    yield
    site.run(f"REVOKE {PREFIX}_owner FROM maker CASCADE")


@case("privilege", told="may not create schemas")
def owner_without_schemas(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    site.run(f"ALTER DATABASE {site.admin.info.dbname} OWNER TO postgres")
    site.run(f"REVOKE CREATE ON DATABASE {site.admin.info.dbname} FROM {PREFIX}_owner")
    yield


@case("privilege", told="may act as")
def member_of_the_owner(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Granted by two, one of them no superuser, and passed on."""
    site.run(f"GRANT {PREFIX}_owner TO maker WITH ADMIN OPTION")
    site.run(f"SET ROLE maker; GRANT {PREFIX}_owner TO bare WITH ADMIN OPTION; RESET ROLE")
    site.run(f"SET ROLE bare; GRANT {PREFIX}_owner TO op; RESET ROLE")
    site.run(f"GRANT {PREFIX}_owner TO op")
    yield


@case("stray")
def stray(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    site.run('CREATE TABLE artifactstore."o;dd" (a int)')
    site.run("CREATE FUNCTION artifactstore.odd(int) RETURNS int LANGUAGE sql AS 'SELECT 1'")
    yield


@case("guard")
def switched_off(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    site.run("ALTER TABLE artifactstore.events ENABLE TRIGGER events_forbid_change")
    site.run("ALTER TABLE artifactstore.events OWNER TO postgres")
    yield


@case("copies", told="too", stays=True)
def shared_copies(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    _two_names(site)
    _purged(site, PURL)
    yield


@case("copies", told="nothing names them", stays=True)
def copies_to_remove(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    _two_names(site)
    _purged(site, PURL)
    (one,) = site.program().rows("location", "list", "--retiring")
    site.program().row("location", "retire", one["location_id"], "--outcome", "detached", "--reason", "r")
    _purged(site, f"{PURL}.1")
    yield


@case("keeper", told="never got to its end")
def without_a_keeper(site: Site, patch: pytest.MonkeyPatch) -> Iterator[None]:
    _stored(site, patch)
    patch.setattr(health, "LATE", dict.fromkeys(health.LATE, timedelta(0)))
    yield


@case("keeper", told="did not get to its end")
def with_a_store_away(site: Site, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """And mounted again."""
    place = _stored(site, patch)
    away = place.rename(place.with_name("away"))
    assert site.program().run("keeper", "run", "--once", "--only", "collect").code == 5
    away.rename(place)
    yield


@case("keeper", told="a restore of the database may need")
def removing_too_early(site: Site, patch: pytest.MonkeyPatch) -> Iterator[None]:
    stores = _stored(site, patch).with_name("stores.toml")
    stores.write_text(f'restore_window = "30d"\n{stores.read_text()}')
    yield


@case("keeper", told="named by no location")
def too_many_orphans(site: Site, patch: pytest.MonkeyPatch) -> Iterator[None]:
    place = _stored(site, patch)
    for key in (old_key(9) for _ in range(collecting.FEW + 1)):
        (place / key).parent.mkdir(exist_ok=True)
        (place / key).write_bytes(b"never named")
    assert site.program().run("keeper", "run", "--once", "--only", "collect").code == 1
    yield


@case("keeper", told="are not ours", stays=True)
def with_foreign_things(site: Site, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command names them; what they are, and where they belong, somebody has to know."""
    (_stored(site, patch) / "notes.txt").write_text("of somebody else")
    site.program().rows("keeper", "run", "--once", "--only", "collect")
    yield


@case("keeper", told="behind")
def checks_that_are_behind(site: Site, patch: pytest.MonkeyPatch) -> Iterator[None]:
    _stored(site, patch)
    site.program().rows("keeper", "run", "--once", "--only", "check")
    site.run("UPDATE artifactstore.keeper_runs SET ended_at = ended_at - interval '199 days'")
    yield


@case("keeper", told="does not name", stays=True)
def a_store_that_nobody_names(site: Site, patch: pytest.MonkeyPatch) -> Iterator[None]:
    _stored(site, patch).with_name("stores.toml").write_text("")
    yield


def _stored(site: Site, patch: pytest.MonkeyPatch) -> Path:
    """A package with a file in the store main, which is this directory."""
    site.directory.mkdir()
    (site.directory / "app").write_bytes(b"the application")
    place = site.directory.with_name("main")
    place.mkdir()
    stores = site.directory.with_name("stores.toml")
    stores.write_text(f'[stores.main]\ntype = "local"\nroot = "{place}"\nmin_free = "0%"\n')
    patch.setenv("ARTIFACTSTORE_STORES", str(stores))
    site.program().row("backend", "init", "main")
    site.program().row("ingest", site.directory, "--purl", PURL, "--store", "main")
    return place


@case("retention-not-in-store", told="1 packages; the store main has 15 bytes", remedy=False)
def in_a_store_that_cannot_lock(site: Site, patch: pytest.MonkeyPatch) -> Iterator[None]:
    site.directory.mkdir()
    (site.directory / "app").write_bytes(b"the application")
    tables = []
    for name in ("main", "silent"):
        (site.directory.parent / name).mkdir()
        root = site.directory.parent / name
        tables.append(f'[stores.{name}]\ntype = "local"\nroot = "{root}"\nmin_free = "0%"\n')
    (site.directory.parent / "stores.toml").write_text("".join([*tables, 'lock = "off"\n']))
    patch.setenv("ARTIFACTSTORE_STORES", str(site.directory.parent / "stores.toml"))
    for name in ("main", "silent"):
        site.program().row("backend", "init", name)
    site.program().row("ingest", site.directory, "--purl", PURL, "--store", "main,silent")
    assert site.findings("retention-not-in-store") == []
    site.program().row("retention", "hold", PURL, "--case", "c", "--reason", "r")
    (one,) = site.findings("retention-not-in-store")
    assert "silent" not in one["what"]
    yield


def _two_names(site: Site) -> None:
    site.directory.mkdir()
    (site.directory / "app").write_bytes(b"the application")
    for purl in (PURL, f"{PURL}.1"):
        site.program().row("ingest", site.directory, "--purl", purl)


def _purged(site: Site, purl: str) -> None:
    site.program().row("package", "delete", purl, "--reason", "r")
    site.program().row("package", "purge", purl, "--reason", "r", "--yes")


@case("setting", told="synchronous_commit")
def in_every_place(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Of the role, of the database, of both, and of all roles, on top of the server's."""
    name, off = site.admin.info.dbname, "SET synchronous_commit = off"
    for place in (f"DATABASE {name}", "ROLE postgres", "ROLE ALL", f"ROLE postgres IN DATABASE {name}"):
        site.run(f"ALTER {place} {off}")
    yield


@case("setting", told="a crash of the machine")
def of_the_server(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    """fsync and full_page_writes, in its file."""
    del site
    yield


@case("setting", told="PGOPTIONS", remedy=False)
def from_the_environment(site: Site, patch: pytest.MonkeyPatch) -> Iterator[None]:
    del site
    patch.setenv("PGOPTIONS", "-c synchronous_commit=off")
    yield


@case("size", remedy=False)
def size(site: Site, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    del site
    yield


@case("disk", stays=True)
def little_disk(site: Site, patch: pytest.MonkeyPatch) -> Iterator[None]:
    del site
    patch.setattr("artifactstore.jobs.doctor.LITTLE_DISK", 1 << 62)
    yield


@pytest.fixture(scope="module")
def machine(major: int) -> Iterator[server.Cluster]:
    """A server of this module's own, whose settings are off: what is advised changes all of it."""
    off = dict.fromkeys(doctor._SETTINGS, "off")
    small = {"max_notify_queue_pages": str(QUEUE_PAGES)} if major >= 17 else {}
    with running_cluster(programs(), off | small | {"max_prepared_transactions": "2"}) as made:
        with psycopg.connect(superuser_conninfo(made), autocommit=True) as admin:
            admin.execute("CREATE DATABASE template_of_remedies")
            migrate(
                make_conninfo(superuser_conninfo(made), dbname="template_of_remedies"), role_prefix=PREFIX
            )
            admin.execute("CREATE ROLE op LOGIN; CREATE ROLE bare LOGIN; CREATE ROLE maker LOGIN CREATEROLE")
        yield made


@pytest.fixture
def site(machine: server.Cluster, tmp_path: Path) -> Iterator[Site]:
    """A database of its own with one event, and an operator that sees everything."""
    conninfo = create_database(superuser_conninfo(machine), "template_of_remedies", f"{PREFIX}_owner")
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute(f"GRANT {PREFIX}_operator, pg_read_all_stats TO op".encode())
        made = Site(admin, conninfo, tmp_path / "tree")
        assert made.program().run("package", "create", "pkg:generic/first@1").code == 0
        yield made
    drop_database(superuser_conninfo(machine), conninfo)


def obey(site: Site, finding: dict[str, Any]) -> None:
    """Run the remedy as the login that it is meant for, as psql or a shell would."""
    fix = finding["fix"]
    if fix.endswith(";"):
        assert finding["by"] in ("superuser", "deployer")
        for statement in STATEMENT.findall(fix):
            site.run(statement)
    elif fix.startswith("artifactstore "):
        login = {"operator": "op", "deployer": None, "service": None}[finding["by"]]
        command = shlex.split(fix)[1:]
        yes = ["--yes"] if command[0] in ("adopt", "restored") else []
        outcome = site.program(login).run(*command, *yes)
        assert outcome.code in ((0, 1) if command[0] == "doctor" else (0,)), (fix, outcome)
    elif said := SETTING.fullmatch(fix):
        file, table = Path(said["file"]), f"{said['table']}\n"
        assert table in file.read_text()
        file.write_text(file.read_text().replace(table, f"{table}{said['setting']}\n"))
    else:
        (page,) = re.findall(r"^see the runbook (\S+)$", fix)
        assert (DOCS / "runbooks" / f"{page}.md").exists()


@pytest.mark.parametrize("one", CASES, ids=lambda one: f"{one.check}-{one.setup.__name__}")
def test_f42_what_doctor_advises_works(one: Case, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextmanager(one.setup)(site, monkeypatch):
        found = [each for each in site.findings(one.check, one.login) if one.told in each["what"]]
        assert found
        if not one.remedy:
            assert [each["fix"] for each in found] == [None] * len(found)
            return
        for each in found:
            obey(site, each)

        def gone() -> bool:
            left = site.findings(one.check, one.login)
            return not [each for each in left if one.told in each["what"]]

        # A session that was ended, or a setting that was reloaded, takes a moment.
        if not one.stays:
            until(gone, f"{one.check} is gone after {[each['fix'] for each in found]}")


def test_f42_every_finding_that_doctor_can_make_has_a_case() -> None:
    tree = ast.parse(Path(doctor.__file__).read_text(encoding="utf-8"))
    made = Counter(
        str(node.args[1].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Advice"
        if isinstance(node.args[1], ast.Constant)
    )
    cases = Counter(one.check for one in CASES)
    assert {check: number for check, number in made.items() if cases[check] < number} == {}
    documented = re.findall(r"check: (.*?)\.\n", ast.get_docstring(_class(tree, "Advice")) or "", re.DOTALL)
    assert {one.strip() for one in documented[0].replace("\n", " ").split(",")} == set(made)


def _class(tree: ast.Module, name: str) -> ast.ClassDef:
    (found,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    return found
