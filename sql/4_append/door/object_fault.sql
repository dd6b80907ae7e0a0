-- purpose: what is wrong with the objects of stores that new events name or give up
-- called by: check_objects
-- writes: nothing
--
-- Judged by committed rows, not by those that earlier events of the same append leave. Whoever removes
-- objects goes by what one committed snapshot shows, so that is what must never lead back: an object that is
-- doomed in one (somebody names it, nothing live does) is doomed in all that follow. What happens between two
-- snapshots nobody acts on. So an append may remove a file and name its object again, in either order.
CREATE OR REPLACE FUNCTION artifactstore.object_fault(
    p_events artifactstore.decoded_event[], p_head bigint,
    OUT sequence bigint, OUT code text, OUT facts jsonb
)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off -- by index, also where it is planned while the table is small
AS $$
BEGIN
    SELECT j.sequence, j.code, jsonb_build_object('backend', j.backend, 'uri', j.uri) || j.facts
    INTO sequence, code, facts
    FROM (
        SELECT n.sequence, n.backend, n.uri, CASE
                WHEN n.made IS NULL THEN 'bad-uri'
                WHEN o.live THEN NULL
                WHEN NOT o.live THEN 'bytes-going'
                WHEN n.made > n.created_at + artifactstore.clock_tolerance() THEN 'bad-uri'
                WHEN n.made < n.created_at - artifactstore.upload_limit() THEN 'upload-expired'
            END AS code,
            coalesce(jsonb_build_object('made_at', artifactstore.show_time(n.made)), '{}') AS facts
        FROM (
            SELECT e.sequence, e.created_at, l.value ->> 'backend' AS backend, l.value ->> 'uri' AS uri,
                artifactstore.object_time(l.value ->> 'uri') AS made
            FROM unnest(p_events) e, LATERAL jsonb_array_elements(CASE e.event_type
                WHEN 'v1.file.ingested' THEN e.payload -> 'locations'
                WHEN 'v1.storage.registered' THEN jsonb_build_array(e.payload) END) l
            WHERE e.sequence > p_head AND l.value ->> 'uri' LIKE 'store:%'
            OFFSET 0 -- told once, not wherever it is asked for
        ) n
        -- Null: it was never named.
        CROSS JOIN LATERAL (
            SELECT bool_or(c.state IN ('registered', 'verified', 'failed')) AS live
            FROM artifactstore.storage_locations c WHERE c.backend = n.backend AND c.uri = n.uri) o
        UNION ALL
        SELECT e.sequence, l.backend, l.uri, CASE
                WHEN l.state <> 'retiring' THEN 'not-retiring'
                WHEN o.live THEN 'bytes-needed' END,
            jsonb_build_object('state', l.state)
        FROM unnest(p_events) e
        JOIN artifactstore.storage_locations l ON l.location_id = e.subject_id AND l.retired_at IS NULL
        CROSS JOIN LATERAL (
            SELECT bool_or(c.state IN ('registered', 'verified', 'failed')) AS live
            FROM artifactstore.storage_locations c WHERE c.backend = l.backend AND c.uri = l.uri) o
        WHERE e.sequence > p_head AND e.event_type = 'v1.storage.retired'
            AND e.payload ->> 'outcome' = 'deleted' AND l.uri LIKE 'store:%'
    ) j
    WHERE j.code IS NOT NULL ORDER BY j.sequence LIMIT 1;
END
$$;

COMMENT ON FUNCTION artifactstore.object_fault(artifactstore.decoded_event[], bigint) IS
'The first event after p_head that names an object of a store which is none (bad-uri), is being removed '
'(bytes-going) or was uploaded too long ago (upload-expired), or tells that one was deleted which was not to '
'go yet (not-retiring, bytes-needed); null when there is none';
