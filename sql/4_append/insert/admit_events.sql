-- purpose: number events and check what only holds at this moment, under the lock
-- called by: append, append_commands, admit_commands
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.admit_events(
    p_events artifactstore.decoded_event[], p_head bigint, p_now timestamptz, p_expected bigint[]
)
RETURNS artifactstore.decoded_event[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_events artifactstore.decoded_event[] := artifactstore.number_events(p_events, p_head, p_now);
    v_done boolean;
BEGIN
    v_done := artifactstore.check_moment(v_events, p_head, p_now, p_expected) IS NULL;
    v_done := artifactstore.check_objects(v_events, p_head) IS NULL;
    RETURN v_events;
END
$$;

COMMENT ON FUNCTION artifactstore.admit_events(
    artifactstore.decoded_event[], bigint, timestamptz, bigint[]) IS
'The events as they will be in the log, see number_events; refuses what check_moment and check_objects do';
