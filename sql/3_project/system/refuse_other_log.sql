-- purpose: events of the system are about this log
-- called by: project_system_token, project_system_policies_set
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.refuse_other_log(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql STABLE
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

COMMENT ON FUNCTION artifactstore.refuse_other_log(artifactstore.decoded_event[]) IS
'Refuses the first event whose subject is not the id of the log: bad-subject';
