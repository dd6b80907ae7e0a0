-- purpose: some events of the log, decoded
-- called by: project_sequences, project_part
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.decode_events(p_sequences bigint[])
RETURNS artifactstore.decoded_event[]
LANGUAGE sql STABLE
AS $$
    SELECT array_agg(ROW(e.sequence, e.created_at, e.event_type, e.subject_id, e.actor,
            artifactstore.decode_payload(
                e.event_type, e.payload, jsonb_build_object('sequence', e.sequence), t.shape)
        )::artifactstore.decoded_event ORDER BY e.sequence)
    FROM artifactstore.events e
    LEFT JOIN artifactstore.event_types t ON t.event_type = e.event_type
    WHERE e.sequence = ANY (p_sequences)
$$;

COMMENT ON FUNCTION artifactstore.decode_events(bigint[]) IS
'The events with these sequences in order, each payload decoded once, as decode_range does; '
'refuses what does not fit the catalogue';
