"""F41: nobody is let in by migrate alone, so it says how, and so does every command that is denied."""

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore.lacking import KINDS
from artifactstore.store import Store
from tests.cli.program import Program

READS = [
    "status",
    "package list",
    "location list --retiring",
    "events --since 0",
    "audit --since 0",
    "retention due",
]
APPENDS = ["package create pkg:generic/b@1"]
OPERATES = ["verify", "replay --truncate --yes", "snapshot create", "doctor", "token list", "snapshot list"]


@dataclass
class Site:
    """A database that a deployer without other rights migrated, and logins of others."""

    conninfo: str
    deployer: str
    prefix: str
    admin: psycopg.Connection

    def program(self, login: str) -> Program:
        """The program as a login."""
        return Program(make_conninfo(self.conninfo, user=login), self.admin)

    def login(self) -> str:
        """A new login that may do nothing."""
        name = f"{self.prefix}_l{uuid.uuid4().hex[:6]}"
        self.admin.execute(f"CREATE ROLE {name} LOGIN".encode())
        return name

    def obey(self, statement: str) -> None:
        """Run what was advised as the deployer, who is no superuser."""
        with psycopg.connect(make_conninfo(self.conninfo, user=self.deployer), autocommit=True) as conn:
            conn.execute(statement.encode())


@pytest.fixture
def site(new_database: Callable[[], str]) -> Iterator[Site]:
    """A database that belongs to a login with CREATEROLE, not yet migrated."""
    conninfo, prefix = new_database(), f"g{uuid.uuid4().hex[:8]}"
    with psycopg.connect(conninfo, autocommit=True) as admin:
        made = Site(conninfo, f"{prefix}_deployer", prefix, admin)
        admin.execute(f"CREATE ROLE {made.deployer} LOGIN CREATEROLE".encode())
        admin.execute(f"ALTER DATABASE {admin.info.dbname} OWNER TO {made.deployer}".encode())
        yield made
        query = "SELECT string_agg(rolname, ', ') FROM pg_roles WHERE rolname LIKE %s"
        row = admin.execute(query, (f"{prefix}%",)).fetchone()
        assert row is not None
        admin.execute(f"REASSIGN OWNED BY {row[0]} TO CURRENT_USER; DROP OWNED BY {row[0]}".encode())
        admin.execute(f"DROP ROLE {row[0]}".encode())


@pytest.fixture
def migrated(site: Site) -> Site:
    """The database, migrated by the deployer."""
    assert site.program(site.deployer).run("migrate", "--role-prefix", site.prefix).code == 0
    return site


def test_f41_migrate_ends_with_the_statement_that_lets_its_own_login_in(site: Site) -> None:
    program = site.program(site.deployer)
    done = program.run("migrate", "--role-prefix", site.prefix)
    assert f"The login {site.deployer} has none of these roles yet." in done.stdout
    own = re.findall(f'GRANT .* TO "{site.deployer}";', done.stdout)
    assert len(own) == 1
    assert program.run("status").code == 7
    site.obey(own[0])
    for command in (*READS, "package create pkg:generic/a@1", "verify"):
        outcome = program.run(*command.split())
        assert outcome.code == 0, outcome.stdout + outcome.stderr
    assert "has none of these roles" not in program.run("migrate").stdout


def test_f41_migrate_that_grants_to_its_login_does_not_tell_it_to(site: Site) -> None:
    program = site.program(site.deployer)
    done = program.run("migrate", "--role-prefix", site.prefix, "--grant-to-login")
    assert "has none of these roles" not in done.stdout
    assert program.run("status").code == 0


@pytest.mark.parametrize("kind", KINDS)
def test_f41_each_kind_of_login_can_do_what_migrate_says_of_it(migrated: Site, kind: str) -> None:
    (told,) = migrated.program(migrated.deployer).rows("migrate")
    granted = {one["kind"]: one for one in told["grants"]}
    assert list(granted) == list(KINDS)
    login = migrated.login()
    program = migrated.program(login)
    assert program.run("status").code == 7
    migrated.obey(granted[kind]["statement"].replace('"LOGIN"', f'"{login}"'))
    assert program.run("status").code == 0
    appends = program.run("package", "create", "pkg:generic/a@1")
    assert (appends.code == 0) is (kind in ("service", "operator"))
    assert (program.run("verify").code == 0) is (kind == "operator")
    if kind in ("writer", "operator"):
        with psycopg.connect(make_conninfo(migrated.conninfo, user=login)) as conn:
            conn.execute(
                "SELECT artifactstore.append_json('v1.package.created', artifactstore.new_id(), %s)",
                ('{"purl": "pkg:generic/psql@1"}',),
            )


@pytest.mark.parametrize("command", [*READS, *APPENDS, *OPERATES])
def test_f41_whoever_obeys_the_hints_of_a_command_can_run_it(migrated: Site, command: str) -> None:
    login = migrated.login()
    program = migrated.program(login)
    for _ in range(4):
        outcome = program.run("--json", *command.split())
        if outcome.code != 7:
            break
        error = outcome.error
        assert error["detail"]["login"] == login
        statement = error["detail"]["grants"][0]
        assert re.fullmatch(f'GRANT "{migrated.prefix}_[a-z]+" TO "{login}";', statement)
        assert statement in error["hint"]
        assert "as the login that ran artifactstore migrate, or a superuser" in error["hint"]
        migrated.obey(statement)
    # Not let in was the first answer, and the last one is about the command itself.
    assert outcome.code != 7, outcome.stderr
    with psycopg.connect(make_conninfo(migrated.conninfo, user=login), autocommit=True) as conn:
        assert "reader" in Store(conn).grants.parts_of_login()


def test_f41_the_hint_for_people_has_the_statement_for_each_kind_of_work(migrated: Site) -> None:
    login = migrated.login()
    told = migrated.program(login).run("status").stderr
    assert "permission denied for schema artifactstore" in told
    for kind, (parts, _) in KINDS.items():
        roles = ", ".join(f'"{migrated.prefix}_{part}"' for part in parts)
        assert f'GRANT {roles} TO "{login}";' in told, kind


def test_f41_what_no_role_may_is_not_advised(migrated: Site) -> None:
    """Nobody is to be granted more because a guard was tampered with."""
    login = migrated.login()
    migrated.obey(f'GRANT "{migrated.prefix}_reader" TO "{login}"')
    for part in ("reader", "service"):
        revoked = f'REVOKE SELECT ON artifactstore.events FROM "{migrated.prefix}_{part}"'
        migrated.admin.execute(revoked.encode())
    error = migrated.program(login).run("--json", "status").error
    assert (error["code"], error["detail"].get("grants")) == ("forbidden", None)
