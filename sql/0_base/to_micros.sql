-- purpose: a timestamptz as a time of a payload, exactly and whatever the session's zone
-- called by: log_leaves, mirrored_lock, probe_events, people in psql
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.to_micros(p_instant timestamptz)
RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT (extract(epoch FROM p_instant AT TIME ZONE 'UTC') * 1000000)::bigint;
$$;

COMMENT ON FUNCTION artifactstore.to_micros(timestamptz) IS
'Microseconds from 1970-01-01T00:00Z to p_instant';
