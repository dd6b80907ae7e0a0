-- purpose: apply many events in few sets
-- called by: fold, fold_commands, project_part
-- writes: the views, through projectors
--
-- Lanes (event_types.lane) say what an event must stay in order with. An event of lane package is a barrier:
-- it keeps its place among all events of its package, and epochs lie between barriers. Within an epoch the
-- lanes of a package touch disjoint rows, so the n-th events of all lanes of all packages make one wave,
-- folded together, type by type: a projector never sees two events of one lane. Only removals come as runs,
-- since emptying a package is common. Giving up a copy asks what protects the package, so where that is done,
-- events of lane retention are barriers, too. Ids, purls and request keys are shared by packages but never
-- freed: whichever comes second is refused in any order, and fold finds out which one the log has first.
-- Bytes are shared and freed: that is judged after the waves, by check_bytes, of the events that are returned
-- for it.
CREATE OR REPLACE FUNCTION artifactstore.fold_waves(p_events artifactstore.decoded_event[])
RETURNS artifactstore.decoded_event[]
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_type text;
    v_events artifactstore.decoded_event[];
    v_retired artifactstore.decoded_event[] := '{}';
BEGIN
    PERFORM artifactstore.project_requests(p_events);
    FOR v_type, v_events IN
        WITH placed AS (
            SELECT e AS event, e.sequence, e.event_type,
                coalesce(t.lane = 'package' OR t.lane = 'retention' AND e.subject_id IN (
                    SELECT (r.payload ->> 'package_id')::uuid FROM unnest(p_events) r
                    WHERE r.event_type IN ('v1.storage.retiring', 'v1.storage.retired')), true) AS barrier,
                coalesce((e.payload ->> 'package_id')::uuid, e.subject_id) AS package_id,
                CASE WHEN t.lane <> 'file' THEN t.lane
                    ELSE coalesce((e.payload ->> 'file_id')::uuid, e.subject_id)::text END AS lane
            FROM unnest(p_events) e
            LEFT JOIN artifactstore.event_types t ON t.event_type = e.event_type
        ), followed AS (
            SELECT p.*, p.barrier AND NOT (
                p.event_type = 'v1.file.removed'
                AND lag(p.event_type, 1, '') OVER package = p.event_type) AS opens
            FROM placed p
            WINDOW package AS (PARTITION BY p.package_id ORDER BY p.sequence)
        ), epochs AS (
            SELECT f.*, count(*) FILTER (WHERE f.opens)
                OVER (PARTITION BY f.package_id ORDER BY f.sequence) AS epoch
            FROM followed f
        ), waves AS (
            SELECT p.event, p.sequence, p.event_type, p.epoch, CASE WHEN p.barrier THEN 0
                ELSE row_number() OVER (PARTITION BY p.package_id, p.epoch, p.lane ORDER BY p.sequence)
                END AS wave
            FROM epochs p
        )
        SELECT w.event_type, array_agg(w.event ORDER BY w.sequence)
        FROM waves w
        GROUP BY w.epoch, w.wave, w.event_type
        ORDER BY w.epoch, w.wave, w.event_type
    LOOP
        PERFORM artifactstore.project_events(v_type, v_events);
        IF v_type = 'v1.storage.retired' THEN
            v_retired := v_retired || v_events;
        END IF;
    END LOOP;
    RETURN v_retired;
END
$$;

COMMENT ON FUNCTION artifactstore.fold_waves(artifactstore.decoded_event[]) IS
'Applies events to the views in waves that hold at most one event of each lane, see the comment in its '
'source; returns the retirements, which are to be judged by check_bytes';
