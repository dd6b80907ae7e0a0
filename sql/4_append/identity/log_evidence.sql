-- purpose: whatever in the database names an event that this log does not have
-- called by: roles service, operator (artifactstore verify, doctor), adopt, last_shared
-- writes: nothing
--
-- What was lost before a v1.system.restored that says so (it kept less than was
-- named) is no evidence of another loss.
CREATE OR REPLACE FUNCTION artifactstore.log_evidence()
RETURNS TABLE (source text, name text, sequence bigint, problem text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_head bigint := artifactstore.log_head();
    v_view text;
BEGIN
    RETURN QUERY
    WITH restores AS MATERIALIZED (
        SELECT e.created_at, (artifactstore.payload_or_null(e.payload) -> 'from_sequence')::bigint AS kept
        FROM artifactstore.events e WHERE e.event_type = 'v1.system.restored'
    ), named AS (
        SELECT n.source, n.name, (n.point).sequence, n.noted_at, CASE
            WHEN (n.point).sequence > v_head THEN 'sequence is of an event after the end of the log'
            ELSE 'sequence is of another event than the log has there' END AS problem
        FROM artifactstore.named_points() n
        -- One that names no event says nothing.
        WHERE (n.point).identity IS NOT NULL
            AND n.point IS DISTINCT FROM artifactstore.point_at((n.point).sequence)
        UNION ALL
        SELECT 'tokens', t.token_id::text, x.sequence, x.noted_at, x.column_name || CASE
            WHEN e.sequence IS NULL THEN ' is of an event after the end of the log'
            ELSE ' is of another event than the log has there' END
        FROM artifactstore.tokens t
        CROSS JOIN LATERAL (VALUES
            ('issued_sequence', 'v1.system.token_issued', t.issued_sequence, t.issued_at),
            ('revoked_sequence', 'v1.system.token_revoked', t.revoked_sequence, t.revoked_at)
        ) AS x (column_name, event_type, sequence, noted_at)
        LEFT JOIN artifactstore.events e ON e.sequence = x.sequence
        WHERE x.sequence IS NOT NULL AND (
            e.event_type IS DISTINCT FROM x.event_type OR position(uuid_send(t.token_id) IN e.payload) = 0)
    )
    SELECT n.source, n.name, n.sequence, n.problem FROM named n
    WHERE NOT EXISTS (SELECT FROM restores r WHERE r.kept < n.sequence AND r.created_at > n.noted_at)
    ORDER BY n.sequence, n.source, n.name;

    FOREACH v_view IN ARRAY artifactstore.view_names() LOOP
        RETURN QUERY EXECUTE format(
            'SELECT ''views'', %1$L, min(s.sequence),'
            ' count(*) || '' rows name events after the end of the log'''
            ' FROM (SELECT greatest(%2$s) AS sequence FROM artifactstore.%1$I) s WHERE s.sequence > $1'
            ' HAVING count(*) > 0', v_view, (
                SELECT string_agg(format('%I', a.attname), ', ')
                FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = format('artifactstore.%I', v_view)::regclass
                    AND a.atttypid = 'bigint'::regtype AND a.attname LIKE '%sequence'))
        USING v_head;
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.log_evidence() IS
'Where something in the database names an event that this log does not have or has otherwise: source (table, '
'or views), which of its rows, sequence, what it says. A loss that v1.system.restored told of is left out';
