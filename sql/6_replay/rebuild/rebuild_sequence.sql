-- purpose: how far an unfinished rebuild is that can be resumed
-- called by: begin_rebuild, drop_rebuild
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.rebuild_sequence()
RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_sequence bigint;
    v_pid integer;
BEGIN
    IF to_regnamespace('artifactstore_rebuild') IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM artifactstore.own_view_set('artifactstore_rebuild', false);
    IF to_regclass('artifactstore_rebuild.progress') IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT p.sequence, p.pid INTO v_sequence, v_pid
    FROM artifactstore_rebuild.progress p;
    IF v_pid <> pg_backend_pid() AND EXISTS (
        SELECT FROM pg_catalog.pg_stat_activity a WHERE a.pid = v_pid AND a.datname = current_database())
    THEN
        PERFORM artifactstore.refuse('busy', jsonb_build_object(
            'problem', format('another replay is at event %s, in backend %s', v_sequence, v_pid),
            'pid', v_pid));
    END IF;
    RETURN CASE WHEN artifactstore.rebuild_problem() IS NULL THEN v_sequence END;
END
$$;

COMMENT ON FUNCTION artifactstore.rebuild_sequence() IS
'Last sequence of an unfinished rebuild that can be resumed, else null; '
'refuses busy while another session works on it';
