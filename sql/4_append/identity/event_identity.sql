-- purpose: what tells an event from every other one
-- called by: point_at, check_continuation, people in psql
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.event_identity(p_sequence bigint)
RETURNS bytea
LANGUAGE sql STABLE
AS $$
    SELECT l.hash FROM artifactstore.log_leaves l WHERE l.sequence = p_sequence
$$;

COMMENT ON FUNCTION artifactstore.event_identity(bigint) IS
'Digest of the whole row of an event (SHA-256 of its leaf, see log_leaves); null when there is none';
