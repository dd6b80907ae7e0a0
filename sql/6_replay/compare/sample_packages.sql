-- purpose: packages by chance, each as likely as it has events
-- called by: roles service, operator (verify --online, the check of the service)
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.sample_packages(p_events integer)
RETURNS TABLE (package_id uuid, sequences bigint[])
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
    SELECT d.package_id, array_agg(d.sequence ORDER BY d.sequence)
    FROM (
        SELECT DISTINCT 1 + floor(random() * artifactstore.log_head())::bigint AS sequence
        FROM generate_series(1, p_events)
    ) n
    JOIN artifactstore.events e USING (sequence)
    CROSS JOIN LATERAL (SELECT e.sequence, artifactstore.event_package(e) AS package_id) d
    WHERE e.subject_kind <> 'system'
    GROUP BY d.package_id
$$;

COMMENT ON FUNCTION artifactstore.sample_packages(integer) IS
'The packages of p_events random events, with the sequences that led to each';
