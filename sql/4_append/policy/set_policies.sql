-- purpose: set the rules that give new packages their retention
-- called by: role service (Store.policies)
-- writes: through append
CREATE OR REPLACE FUNCTION artifactstore.set_policies(
    p_payload bytea, p_digest bytea, p_actor text, p_expected bigint DEFAULT NULL
)
RETURNS TABLE (sequence bigint, created_at timestamptz, appended boolean)
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
    SELECT a.sequence, a.created_at, a.appended
    FROM artifactstore.append_log_event(
        'v1.system.policies_set', p_payload, p_digest, p_actor, p_expected) a
$$;

COMMENT ON FUNCTION artifactstore.set_policies(bytea, bytea, text, bigint) IS
'Appends v1.system.policies_set; p_expected: last_sequence of the rules that it replaces, 0 if there are '
'none. Begins the log if need be';
