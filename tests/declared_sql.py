"""The SQL files that follow from declarations in Python: the catalogue, its dispatcher, the refusals.

Sources: artifactstore/events/models.py and artifactstore/errors.py. As a program, a part of
scripts/dump-schema: writes the files; with --check writes nothing and exits 1 if one is stale.
"""

import json
import sys
import textwrap
from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path

from artifactstore.errors import ERRORS
from artifactstore.events.fields import model_spec
from artifactstore.events.models import EVENT_TYPES, Event, Origin
from tests.width import WIDTH

SQL = Path(__file__).parent.parent / "sql"
_COMMON = model_spec(Origin) | model_spec(Event)
"""What the payload of every type may hold."""

_EVENT_TYPES = """\
-- purpose: the catalogue of event types, generated from artifactstore/events/models.py
-- called by: migrate
-- writes: event_types
WITH common (fields) AS (
    VALUES ({common}::jsonb)
), catalogue (event_type, subject_kind, min_role, destructive, lane, description, fields) AS (
    VALUES
{rows}
), upserted AS (
    INSERT INTO artifactstore.event_types AS t
        (event_type, subject_kind, min_role, destructive, lane, description, fields, shape)
    SELECT c.event_type, c.subject_kind, c.min_role, c.destructive, c.lane, c.description,
        common.fields || c.fields, artifactstore.fields_shape(common.fields || c.fields)
    FROM catalogue c, common
    ON CONFLICT (event_type) DO UPDATE SET
        subject_kind = excluded.subject_kind, min_role = excluded.min_role,
        destructive = excluded.destructive, lane = excluded.lane,
        description = excluded.description, fields = excluded.fields, shape = excluded.shape
    RETURNING t.event_type
)
DELETE FROM artifactstore.event_types t
WHERE NOT EXISTS (SELECT FROM catalogue c WHERE c.event_type = t.event_type);
"""
_PROJECT_EVENTS = """\
-- purpose: which projector applies which type, generated from artifactstore/events/models.py
-- called by: fold, fold_waves
-- writes: the views, through projectors
CREATE OR REPLACE FUNCTION artifactstore.project_events(
    p_event_type text, p_events artifactstore.decoded_event[]
)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_done boolean;
BEGIN
    -- An assignment is no statement that has to be started, as PERFORM is.
    CASE p_event_type
{branches}
        ELSE
            PERFORM artifactstore.refuse_event(p_events, p_events[1].sequence, 'unknown-event-type');
    END CASE;
END
$$;

COMMENT ON FUNCTION artifactstore.project_events(text, artifactstore.decoded_event[]) IS
'Calls the projector of p_event_type with events of that type; an unknown type stops, never skips';
"""
_ERROR_CODES = """\
-- purpose: every refusal with its SQLSTATE, generated from artifactstore/errors.py
-- called by: migrate
-- writes: error_codes
WITH codes (name, sqlstate, message, hint) AS (
    VALUES
{rows}
), upserted AS (
    INSERT INTO artifactstore.error_codes AS t (name, sqlstate, message, hint)
    SELECT name, sqlstate, message, hint FROM codes
    ON CONFLICT (name) DO UPDATE SET
        sqlstate = excluded.sqlstate, message = excluded.message, hint = excluded.hint
    RETURNING t.name
)
DELETE FROM artifactstore.error_codes t
WHERE NOT EXISTS (SELECT FROM codes c WHERE c.name = t.name);
"""


def declared() -> dict[str, str]:
    """Path under sql/ → text of every file that is made here."""
    models = EVENT_TYPES.values()
    # What a fold meets most often is asked for first.
    branches = (_branch(model) for model in sorted(models, key=lambda model: model.lane != "file"))
    codes = (
        f"    ({_quoted(spec.name)}, {_quoted(spec.sqlstate)},\n"
        f"     {_quoted(spec.message)},\n     {_filled(spec.hint)})"
        for spec in ERRORS.values()
        if spec.sqlstate is not None
    )
    return {
        "0_base/error_codes.sql": _ERROR_CODES.format(rows=",\n".join(codes)),
        "1_codec/payload/event_types.sql": _EVENT_TYPES.format(
            common=_quoted(_told(_COMMON, 4, 13)), rows=",\n".join(map(_row, models))
        ),
        "3_project/fold/project_events.sql": _PROJECT_EVENTS.format(branches="\n".join(branches)),
    }


def _branch(model: type[Event]) -> str:
    call = f"v_done := artifactstore.{model.applied_by()}(p_events) IS NULL;"
    line = f"        WHEN {_quoted(model.event_type)} THEN {call}"
    return (
        line if len(line) <= WIDTH else f"        WHEN {_quoted(model.event_type)} THEN\n            {call}"
    )


def _row(model: type[Event]) -> str:
    _, kind, _ = model.event_type.split(".")
    own = {name: spec for name, spec in model_spec(model).items() if _COMMON.get(name) != spec}
    head = ", ".join(_quoted(text) for text in (model.event_type, kind, model.min_role))
    flags = f"{str(model.destructive).lower()}, {_quoted(model.lane)}"
    fields = _fitted(_quoted(_told(own, 4, 6)))
    return f"    ({head}, {flags},\n     {_quoted(model.__doc__)},\n     {fields}::jsonb)"


def _told(value: object, indent: int, used: int = 0) -> str:
    """JSON, its lines filled: ``used`` columns of the first are taken, further ones begin at ``indent``."""
    if not isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    told, line = "{", used + 1
    for key, member in value.items():
        name = f"{json.dumps(key)}: "
        nested = isinstance(member, Mapping)
        text = name + _told(member, indent + 4, indent + 4 + len(name))
        separator = "" if told == "{" else ", "
        if nested or line + len(separator) + len(text) > WIDTH - 13:  # it may end with }}'::jsonb),
            told += f"{separator.rstrip()}\n{' ' * (indent + 4)}{text}"
            line = indent + 4 + len(text.splitlines()[-1])
        else:
            told += separator + text
            line += len(separator) + len(text)
    return told + "}"


def _fitted(literal: str) -> str:
    """The literal with a line that is too wide for a source in two, which SQL takes as one."""
    return "\n".join(map(_halved, literal.splitlines()))


def _halved(line: str) -> str:
    room = WIDTH - 9  # it may be followed by ::jsonb),
    if len(line) <= room:
        return line
    cut = line.rindex(" ", 0, room) + 1
    return f"{line[:cut]}'\n             '{line[cut:]}"


def _filled(text: str) -> str:
    """A literal of as many lines as it needs, which SQL takes as one."""
    lines = textwrap.wrap(text, WIDTH - 10, drop_whitespace=False)
    return "\n     ".join(map(_quoted, lines))


def _quoted(text: str | None) -> str:
    return "'" + (text or "").replace("'", "''") + "'"


def main() -> int:
    """See the module."""
    stale = 0
    for path, text in declared().items():
        stored = (SQL / path).read_text(encoding="utf-8") if (SQL / path).exists() else ""
        if "--check" not in sys.argv[1:]:
            (SQL / path).write_text(text, encoding="utf-8")
        elif stored != text:
            stale = 1
            shown = unified_diff(stored.splitlines(), text.splitlines(), path, "declared", lineterm="", n=1)
            told = f"sql/{path} is stale: run scripts/dump-schema"
            sys.stderr.write("\n".join([*list(shown)[:60], told, ""]))
    return stale


if __name__ == "__main__":
    sys.exit(main())
