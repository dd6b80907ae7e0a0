-- purpose: one step of a part of a rebuild
-- called by: role operator (artifactstore replay)
-- writes: the views and the parts of the rebuild
CREATE OR REPLACE FUNCTION artifactstore.rebuild_part(
    p_part integer, p_leader integer, OUT sequence bigint, OUT last bigint, OUT events bigint
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
AS $$
DECLARE
    v_problem text;
    v_point artifactstore.log_point;
BEGIN
    PERFORM artifactstore.limit_waits();
    PERFORM artifactstore.own_view_set('artifactstore_rebuild');
    -- The lock first: a step of a session whose leader is gone ends before that of its successor begins.
    SELECT p.sequence, p.last, 0 INTO sequence, last, events
    FROM artifactstore_rebuild.parts p WHERE p.part = p_part FOR UPDATE;
    IF NOT FOUND OR NOT EXISTS (SELECT FROM artifactstore_rebuild.progress p WHERE p.pid = p_leader) THEN
        PERFORM artifactstore.refuse('busy', '{"problem": "another session took the rebuild over"}');
    END IF;
    v_problem := artifactstore.rebuild_problem();
    IF v_problem IS NOT NULL THEN
        PERFORM artifactstore.refuse('rebuild-outdated', jsonb_build_object('problem', v_problem));
    END IF;
    IF sequence < last THEN
        SELECT s.last, s.events INTO sequence, events
        FROM artifactstore.project_part('artifactstore_rebuild', p_part, (
            SELECT count(*)::integer FROM artifactstore_rebuild.parts), sequence + 1, last) s;
        v_point := artifactstore.point_at(sequence);
        UPDATE artifactstore_rebuild.parts p
        SET sequence = v_point.sequence, log_id = v_point.log_id, epoch_id = v_point.epoch_id,
            identity = v_point.identity, events = p.events + rebuild_part.events
        WHERE p.part = p_part;
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.rebuild_part(integer, integer) IS
'Projects the next events of a part of the rebuild that the backend p_leader works on; returns the event '
'that the part is at, the one that it ends at, and how many events were folded. Refuses busy when another '
'one works on it, rebuild-outdated when log or projectors changed under it';
