-- purpose: refuse to go on beside views that do not stand where the log ends
-- called by: roles service, operator (the service's readiness), restored, create_snapshot
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.check_views()
RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
DECLARE
    v_event record;
    v_problem text;
BEGIN
    SELECT e.sequence, e.event_type, e.subject_kind, e.subject_id INTO v_event
    FROM artifactstore.events e ORDER BY e.sequence DESC LIMIT 1;
    v_problem := artifactstore.views_problem(
        coalesce(v_event.sequence, 0), v_event.event_type, v_event.subject_kind, v_event.subject_id);
    IF v_problem IS NOT NULL THEN
        PERFORM artifactstore.refuse('views-behind', jsonb_build_object(
            'problem', v_problem, 'head', coalesce(v_event.sequence, 0)));
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.check_views() IS
'Refuses views-behind unless the live views stand where the log ends, as far as can be told at once '
'(views_problem)';
