-- purpose: lock the log where it is at home, and see where it stands and that its views do so too
-- called by: append, append_commands, import_events
-- writes: at first home (locks append_lock)
CREATE OR REPLACE FUNCTION artifactstore.take_log(OUT head bigint, OUT now timestamptz)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_event record;
    v_problem text;
    v_done boolean;
BEGIN
    v_done := artifactstore.lock_log() IS NULL;
    -- A statement of its own after the lock: under READ COMMITTED it sees the last commit.
    SELECT e.sequence, e.created_at, e.event_type, e.subject_kind, e.subject_id INTO v_event
    FROM artifactstore.events e ORDER BY e.sequence DESC LIMIT 1;
    head := coalesce(v_event.sequence, 0);
    now := greatest(clock_timestamp(), v_event.created_at);
    v_problem := artifactstore.views_problem(
        head, v_event.event_type, v_event.subject_kind, v_event.subject_id);
    IF v_problem IS NOT NULL THEN
        PERFORM artifactstore.refuse('views-behind', jsonb_build_object('problem', v_problem, 'head', head));
    END IF;
    v_done := artifactstore.check_home() IS NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.take_log() IS
'Takes the append lock; the head (0: none) and the created_at of what comes next, '
'never before that of the head. Refuses views-behind: what is appended would be judged by other rows than '
'those of the log';
