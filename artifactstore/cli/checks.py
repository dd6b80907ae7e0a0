"""Commands that prove what the log and its views are worth."""

from pathlib import Path
from time import monotonic

import click

from artifactstore.cli import options, values
from artifactstore.cli.ci import annotate, opened, write_junit
from artifactstore.cli.command import Command
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import BadInput
from artifactstore.exits import EXIT_DIFFERENCES
from artifactstore.jobs.findings import KINDS, Finding
from artifactstore.jobs.parts import usual_jobs
from artifactstore.jobs.verify import Verification, Witness, refuse_read_only
from artifactstore.jobs.verify import verify as verify_log
from artifactstore.jobs.verify_online import verify_online
from artifactstore.leaves import shown

_SAMPLE = 100
_OF_VIEWS = ("refused", "view")
"""Kinds of findings that only a comparison of the views has."""


@click.command(cls=Command)
@click.option("--expect-head", type=options.Number(1), metavar="N", help="The log must have event N.")
@click.option(
    "--expect-digest",
    type=values.event_digest,
    metavar="sha256:HEX",
    help="The identity that event N must have, as verify printed it.",
)
@click.option(
    "--max-findings", type=options.Number(1), default=100, show_default=True, help="List at most so many."
)
@click.option(
    "--log", "log_only", is_flag=True, help="All but the views: works read-only and on a standby too."
)
@click.option("--online", is_flag=True, help="Only check the live rows of some packages, chosen by chance.")
@click.option(
    "--sample",
    type=options.Number(1),
    metavar="N",
    help="With --online: by so many events.  [default: 100]",
)
@click.option(
    "--junit",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write what was checked and found to FILE, as JUnit XML.",
)
@options.jobs
@with_session
def verify(
    session: Session,
    expect_head: int | None,
    expect_digest: tuple[str | None, bytes] | None,
    max_findings: int,
    log_only: bool,
    online: bool,
    sample: int | None,
    junit: Path | None,
    jobs: int | None,
) -> int:
    """Prove that the log is whole and that the views are what it says.

    Checks that events are numbered 1, 2, 3 … without a hole and in order of time, every digest, canonical
    form, type and subject; that nothing guards less than it should; rebuilds all views beside the live
    ones and compares every row and column; recomputes the manifests of sealed packages. Appends go on
    meanwhile, and nothing is left behind. Exit code 1 if anything was found.

    A cut-off end of the log can be told only by somebody who saw it: keep the head and identity that this
    command prints elsewhere, and give them with --expect-head and --expect-digest. The identity
    covers the whole event. The payload digest of an event is taken too (blake3:HEX), but another event may
    have the same.

    --online takes seconds on a log of any length: the packages of N random events are folded anew and their
    rows compared. What it finds is true; what it does not find may be in other packages.

    Views are compared in scratch tables, which are rolled back: that takes a session that may write. In a
    read-only one, and on a standby, --log checks all else.

    For continuous integration --junit writes a report with a test case for each kind of finding. As a step of
    GitHub Actions (GITHUB_ACTIONS is true) each finding is an annotation of the run, too.

    \b
    artifactstore verify
    artifactstore verify --expect-head 1200 --expect-digest sha256:HEX
    artifactstore verify --online --sample 500 --junit verify.xml
    """
    if online and log_only:
        raise BadInput("usage", {"problem": "give either --online or --log"})
    if jobs is not None and (online or log_only):
        raise BadInput("usage", {"problem": "--jobs is for the comparison of all views"})
    if online:
        if expect_head is not None or expect_digest is not None:
            raise BadInput("usage", {"problem": "--online checks no witness"})
        return _verify_online(session, sample or _SAMPLE, max_findings, junit)
    if sample is not None:
        raise BadInput("usage", {"problem": "--sample needs --online"})
    if expect_digest is not None and expect_head is None:
        raise BadInput("usage", {"problem": "--expect-digest needs --expect-head"})
    kind, digest = expect_digest or (None, None)
    witness = None if expect_head is None else Witness(expect_head, digest, kind)
    unchecked = {} if witness else {"witness": "no --expect-head was given"}
    if log_only:
        unchecked |= dict.fromkeys(_OF_VIEWS, "not checked with --log")
    with opened(junit) as report:
        with session.progress() as progress:
            verification = verify_log(
                session.database,
                lambda: session.connect("verify"),
                witness=witness,
                compare=not log_only,
                jobs=jobs or usual_jobs(),
                limit=max_findings,
                progress=progress,
            )
        if report is not None:
            write_junit(report, verification.findings, verification.found, unchecked, verification.seconds)
    annotate(verification.findings)
    _tell(session, verification)
    return EXIT_DIFFERENCES if verification.found else 0


def _verify_online(session: Session, sample: int, max_findings: int, junit: Path | None) -> int:
    refuse_read_only(session.database)
    started = monotonic()
    with opened(junit) as report:
        with session.progress() as progress:
            checked = verify_online(session.database, sample, progress=progress)
        found = checked.differences
        told = [
            Finding("view", f"is {one.left}, the log says {one.right}", None, one.view, one.key, one.column)
            for one in found[:max_findings]
        ]
        if report is not None:
            unchecked = dict.fromkeys(KINDS.keys() - {"view"}, "not checked with --online")
            write_junit(report, told, len(found), unchecked, monotonic() - started)
    annotate(told)
    if session.json:
        from artifactstore.cli.output import jsonable

        differences = [jsonable(one) for one in found[:max_findings]]
        session.output.result({**jsonable(checked), "differences": differences, "found": len(found)})
        return EXIT_DIFFERENCES if found else 0
    for finding in told:
        session.output.say(f"{finding.kind}: {finding}")
    verdict = f"{len(found)} differences" if found else "the rows of these packages are what the log says"
    session.output.result({"verdict": verdict, "head": checked.head, "packages": checked.packages})
    return EXIT_DIFFERENCES if found else 0


def _tell(session: Session, verification: Verification) -> None:
    if session.json:
        from artifactstore.cli.output import jsonable

        told = {**jsonable(verification), "identity": shown(verification.identity)}
        session.output.result({**told, "cannot_know": verification.cannot_know})
        return
    say = session.output.say
    for finding in verification.findings:
        say(f"{finding.kind}: {finding}")
    more = verification.found - len(verification.findings)
    if more:
        say(f"and {more} more")
    whole = "the log is whole, the views " + ("are equal" if verification.compared else "were not compared")
    verdict = f"{verification.found} findings" if verification.found else whole
    session.output.result(
        {
            "verdict": verdict,
            "head": verification.head,
            "identity": shown(verification.identity),
            "seconds": f"{verification.seconds:.2f}",
        }
    )
    if verification.witnessed == "payload_digest":
        say("a payload digest alone is weak: another event may have the same payload. Keep the identity")
    say("what this cannot know:")
    for limit in verification.cannot_know:
        say(f"  - {limit}")
