-- purpose: v1.system.token_issued and v1.system.token_revoked: audit only, the hash lives outside the log
-- called by: project_events
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.project_system_token(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM artifactstore.refuse_other_log(p_events);
END
$$;

COMMENT ON FUNCTION artifactstore.project_system_token(artifactstore.decoded_event[]) IS
'No view changes; refuses bad-subject (not the id of the log)';
