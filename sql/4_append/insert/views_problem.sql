-- purpose: do the live views stand where the log ends
-- called by: take_log, check_views
-- writes: nothing
--
-- Cheap, since every append asks: the row that the last event was about, and the epochs. A
-- log that was copied without its views, views that were emptied, and views of another backup
-- are seen; a proof is what verify makes.
CREATE OR REPLACE FUNCTION artifactstore.views_problem(
    p_head bigint, p_event_type text, p_subject_kind text, p_subject_id uuid
)
RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_epoch bigint := (SELECT max(g.last_sequence) FROM artifactstore.log_epochs g);
    v_event record;
    v_last bigint;
BEGIN
    IF p_head = 0 THEN
        RETURN CASE WHEN v_epoch IS NOT NULL THEN 'the log is empty, the views are not' END;
    ELSIF v_epoch IS NULL THEN
        RETURN 'they lack the epoch of the log';
    ELSIF v_epoch > p_head THEN
        RETURN format('they have an epoch that began with event %s', v_epoch);
    END IF;
    v_last := artifactstore.row_version(p_event_type, p_subject_kind, p_subject_id, NULL);
    IF v_last = p_head THEN
        RETURN NULL;
    ELSIF p_subject_kind <> 'system' OR p_event_type IN ('v1.system.initialized', 'v1.system.restored') THEN
        RETURN format('event %s is not in the row of its subject', p_head);
    END IF;
    -- Other events about the log change no view (tokens), or left no row there (no policies any more): the
    -- one before them tells.
    SELECT e.sequence, e.event_type, e.subject_kind, e.subject_id INTO v_event
    FROM (
        SELECT b.sequence, b.event_type, b.subject_kind, b.subject_id FROM artifactstore.events b
        WHERE b.sequence < p_head ORDER BY b.sequence DESC LIMIT 100) e
    WHERE e.subject_kind <> 'system' OR e.event_type IN ('v1.system.initialized', 'v1.system.restored')
    ORDER BY e.sequence DESC LIMIT 1;
    IF FOUND AND v_event.sequence <> artifactstore.row_version(
        v_event.event_type, v_event.subject_kind, v_event.subject_id, NULL)
    THEN
        RETURN format('event %s is not in the row of its subject', v_event.sequence);
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.views_problem(bigint, text, text, uuid) IS
'Why the live views are not those of a log that ends with this event, '
'null if nothing shows it: an epoch is there, none after the head, '
'and the version of the row of the last event''s subject is its sequence';
