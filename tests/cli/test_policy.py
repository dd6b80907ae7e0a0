"""The commands on the rules of retention."""

from pathlib import Path

import pytest

from tests.cli.program import Program

RULES = """
[[rule]]
name = "releases"
purl_type = "maven"
labels = { channel = "release" }
mode = "compliance"
days = 3650

[[rule]]
name = "javascript"
purl_prefix = "pkg:npm/"
mode = "governance"
days = 90
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.toml"
    file.write_text(RULES)
    return file


def test_rules_are_set_listed_and_tried(program: Program, rules: Path) -> None:
    program.row("policy", "set", rules, "--yes", "--reason", "audit")
    listed = program.rows("policy", "list")
    assert [(row["place"], row["name"], row["days"]) for row in listed] == [
        (1, "releases", 3650),
        (2, "javascript", 90),
    ]
    tried = program.rows("policy", "test", "pkg:MAVEN/org.acme/app@1", "--label", "channel=release")
    assert [(row["name"], row["fits"], row["unmet"]) for row in tried] == [
        ("releases", "this one", []),
        ("javascript", "no", ["purl_prefix"]),
    ]


def test_who_creates_a_package_is_told_what_it_got(program: Program, rules: Path) -> None:
    program.row("policy", "set", rules, "--yes")
    ruled = program.row("package", "create", "pkg:npm/app@1")
    assert (ruled["retention"], ruled["policy"]) == ("governance", "javascript")
    other = program.row("package", "create", "pkg:generic/app@1")
    assert (other["retention"], other["policy"]) == ("none", None)
    assert [row["purl"] for row in program.rows("policy", "unmatched")] == ["pkg:generic/app@1"]


def test_a_package_that_no_rule_fits_is_exit_code_1(program: Program, rules: Path) -> None:
    program.row("policy", "set", rules, "--yes")
    outcome = program.run("policy", "test", "pkg:generic/app@1")
    assert outcome.code == 1
    assert "no rule fits" in outcome.stderr


def test_compliance_by_rule_asks(program: Program, rules: Path) -> None:
    head = program.head()
    outcome = program.run("--json", "policy", "set", rules)
    assert (outcome.code, outcome.error["code"]) == (2, "confirmation")
    assert program.head() == head


def test_rules_that_changed_meanwhile_are_not_overwritten(program: Program, rules: Path) -> None:
    first = program.row("policy", "set", rules, "--yes", "--expected", "0")
    outcome = program.run("--json", "policy", "set", rules, "--yes", "--expected", "0")
    assert (outcome.code, outcome.error["code"]) == (3, "changed")
    assert outcome.error["detail"]["actual"] == first["sequence"]
    (row, _) = program.rows("policy", "list")
    assert row["last_sequence"] == first["sequence"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[rule", "no TOML"),
        (f"rule = {'[' * 20_000}", "no TOML"),
        ("[rule]\n", "[[rule]]"),
        ("rules = 1\n", "rules"),
        ('[[rule]]\nname = "a"\nmode = "governance"\n', "rule 1, days"),
        ('[[rule]]\nname = "a"\nmode = "strict"\ndays = 1\n', "rule 1, mode"),
        ('[[rule]]\nname = "a"\nmode = "governance"\ndays = 1.5\n', "rule 1, days"),
        ('[[rule]]\nname = "a"\nmode = "governance"\ndays = 2026-01-01\n', "rule 1, days"),
        ('[[rule]]\nname = "a"\nmode = "governance"\ndays = 1\nlabels = {a = 1}\n', "rule 1, labels.a"),
        ('[[rule]]\nname = "a"\nmode = "governance"\ndays = 1\n' * 2, "rules[1].name"),
    ],
)
def test_a_bad_file_is_refused_with_the_place(program: Program, tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(text)
    head = program.head()
    outcome = program.run("--json", "policy", "set", file, "--yes")
    assert outcome.code == 2
    assert told in outcome.stderr
    assert program.head() == head


def test_no_file_is_exit_code_2(program: Program, tmp_path: Path) -> None:
    outcome = program.run("--json", "policy", "set", tmp_path / "nothing")
    assert (outcome.code, outcome.error["code"]) == (2, "file")
