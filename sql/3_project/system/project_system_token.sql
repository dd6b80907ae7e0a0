-- purpose: v1.system.token_issued and v1.system.token_revoked: audit only, the hash lives outside the log
-- called by: project_events
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.project_system_token(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_sequence bigint;
BEGIN
    SELECT min(e.sequence) INTO v_sequence
    FROM unnest(p_events) e
    WHERE NOT EXISTS (SELECT FROM log_epochs g WHERE g.log_id = e.subject_id);
    IF v_sequence IS NOT NULL THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, 'bad-subject');
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.project_system_token(artifactstore.decoded_event[]) IS
'No view changes; refuses bad-subject (not the id of the log)';
