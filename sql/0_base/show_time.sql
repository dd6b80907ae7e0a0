-- purpose: a time as people and programs read it, whatever zone, style and language the session has
-- called by: append_json, describe_value, check_moment, object_fault, held_by, refusal_facts,
--     refuse_no_event, retention_facts, sequence_at
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.show_time(p_time timestamptz)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    -- JSON has its own form of times; it leaves zeros at the end out.
    SELECT left(t.shown || CASE WHEN strpos(t.shown, '.') = 0 THEN '.' ELSE '' END || '000000', 26) || 'Z'
    FROM (SELECT to_jsonb(p_time AT TIME ZONE 'UTC') #>> '{}' AS shown) t
$$;

COMMENT ON FUNCTION artifactstore.show_time(timestamptz) IS 'A time as RFC 3339 in UTC, to the microsecond';
