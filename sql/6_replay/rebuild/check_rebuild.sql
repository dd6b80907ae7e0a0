-- purpose: a step of a rebuild is taken by whoever began it, on the history that it began on
-- called by: rebuild_next, end_rebuild, begin_parts, end_parts
-- writes: nothing (locks the row of the progress)
CREATE OR REPLACE FUNCTION artifactstore.check_rebuild()
RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_sequence bigint;
    v_pid integer;
    v_problem text;
BEGIN
    PERFORM artifactstore.limit_waits();
    PERFORM artifactstore.own_view_set('artifactstore_rebuild');
    SELECT p.sequence, p.pid INTO v_sequence, v_pid FROM artifactstore_rebuild.progress p FOR UPDATE;
    IF v_pid IS DISTINCT FROM pg_backend_pid() THEN
        PERFORM artifactstore.refuse(
            'busy', jsonb_build_object('problem', 'another session took the rebuild over'));
    END IF;
    v_problem := artifactstore.rebuild_problem();
    IF v_problem IS NOT NULL THEN
        PERFORM artifactstore.refuse('rebuild-outdated', jsonb_build_object('problem', v_problem));
    END IF;
    RETURN v_sequence;
END
$$;

COMMENT ON FUNCTION artifactstore.check_rebuild() IS
'Last sequence of the rebuild that this session works on; '
'refuses busy when another one does, rebuild-outdated when log or projectors changed under it';
