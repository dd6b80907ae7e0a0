-- purpose: append an event whose subject is the log; begins the log if need be
-- called by: issue_token, revoke_token, set_policies
-- writes: through append
CREATE OR REPLACE FUNCTION artifactstore.append_log_event(
    p_event_type text, p_payload bytea, p_digest bytea, p_actor text, p_expected bigint DEFAULT NULL
)
RETURNS TABLE (sequence bigint, created_at timestamptz, appended boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
BEGIN
    PERFORM artifactstore.lock_log();
    IF artifactstore.log_head() = 0 THEN
        -- Before the log begins: afterwards it would be one that has events and no home.
        PERFORM artifactstore.check_home();
        PERFORM artifactstore.append_initialized(p_event_type, clock_timestamp());
    END IF;
    RETURN QUERY
    SELECT a.sequence, a.created_at, a.appended
    FROM artifactstore.append(
        ARRAY[p_event_type],
        ARRAY[(SELECT e.subject_id FROM artifactstore.events e WHERE e.sequence = 1)],
        ARRAY[p_actor], ARRAY[p_payload], ARRAY[p_digest], ARRAY[p_expected]) a;
END
$$;

COMMENT ON FUNCTION artifactstore.append_log_event(text, bytea, bytea, text, bigint) IS
'Appends an event of the system to this log, whatever its id; the answer of append for one event';
