"""docs/reference/errors.md: every error by name."""

from artifactstore.errors import ERRORS, ErrorSpec
from artifactstore.exits import EXITS
from docs.generate.markdown import cell, code, page, table

_INTRO = """\
Every error has a name, which never changes. SQL raises it with the SQLSTATE, the facts as JSON in DETAIL
(at least `code`; when an event is the reason, its `sequence`, or its `position` in an append, since it has
no number yet; what decides what to do next, such as `retain_until`; `problem` in words) and what to do in
HINT. Python raises it as `ArtifactstoreError` with `code`, `detail` and `hint`; the command line prints them
and ends with the exit code. The texts may change: match on name or SQLSTATE. What to do is given here as
people in psql are told; over HTTP and on the command line it is said in their terms.

A refusal leaves log and views as they were. To catch every one of them in PL/pgSQL: `EXCEPTION WHEN
SQLSTATE 'ST000'`.
"""


def generate() -> str:
    """The page, from ``artifactstore.errors``; a test keeps that equal to the table ``error_codes``."""
    raised = [spec for spec in ERRORS.values() if spec.sqlstate is not None]
    others = [spec for spec in ERRORS.values() if spec.sqlstate is None]
    return page(
        "Errors",
        _INTRO.splitlines(),
        ["", "## Raised by the database", ""],
        table(
            ["SQLSTATE", "name", "HTTP", "exit", "when", "what to do"],
            ([code(spec.sqlstate), *_row(spec)] for spec in raised),
        ),
        ["## Raised by the software around it", ""],
        table(["name", "HTTP", "exit", "when", "what to do"], map(_row, others)),
        ["## Exit codes", ""],
        table(["exit", "meaning"], ([str(number), cell(text)] for number, text in EXITS.items())),
    )


def _row(spec: ErrorSpec) -> list[str]:
    return [
        code(spec.name), str(spec.http_status), str(spec.exit_code), cell(spec.message), cell(spec.hint)
    ]  # fmt: skip
