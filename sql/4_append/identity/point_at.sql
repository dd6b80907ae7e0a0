-- purpose: what tells a place in this log from the same number in another history
-- called by: here, log_evidence, create_snapshot, as_of, view_set_problem, begin_rebuild, rebuild_next,
--     rebuild_problem, begin_parts, rebuild_part, end_parts
-- writes: nothing
--
-- From the log itself, never from views: they may be those of another history.
CREATE OR REPLACE FUNCTION artifactstore.point_at(p_sequence bigint)
RETURNS artifactstore.log_point
LANGUAGE sql STABLE
AS $$
    SELECT ROW(
        p_sequence,
        (SELECT e.subject_id FROM artifactstore.events e WHERE e.sequence = 1 AND p_sequence > 0),
        -- The last event that began an epoch: the first event, or a restore, found by the index on types.
        (SELECT (artifactstore.payload_or_null(e.payload) ->> 'epoch_id')::uuid
        FROM artifactstore.events e
        WHERE p_sequence > 0 AND e.sequence = coalesce((
            SELECT max(r.sequence) FROM artifactstore.events r
            WHERE r.event_type = 'v1.system.restored' AND r.sequence <= p_sequence), 1)),
        artifactstore.event_identity(p_sequence)
    )::artifactstore.log_point
$$;

COMMENT ON FUNCTION artifactstore.point_at(bigint) IS
'Log, epoch and identity of an event as this log has it, to be compared with IS NOT DISTINCT FROM; '
'identity is null when there is no such event';
