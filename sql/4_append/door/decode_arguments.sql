-- purpose: decode the arguments of an append step by step, or say what is wrong with the first one that
--     cannot be
-- called by: open_arguments
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.decode_arguments(
    p_event_types text[], p_subject_ids uuid[], p_actors text[], p_payloads bytea[], p_digests bytea[]
)
RETURNS artifactstore.decoded_event[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    c_max_bytes CONSTANT integer := 67108864;
    v_events artifactstore.decoded_event[];
    v_bytes bigint := (SELECT sum(octet_length(p)) FROM unnest(p_payloads) p);
    v_event record;
BEGIN
    IF v_bytes > c_max_bytes THEN
        PERFORM artifactstore.refuse('too-large', jsonb_build_object(
            'problem', format('%s bytes of payload; %s are allowed in one append', v_bytes, c_max_bytes),
            'bytes', v_bytes, 'limit', c_max_bytes));
    END IF;

    SELECT a.*, artifactstore.argument_fault(a.event_type, a.subject_id, a.actor, a.payload, a.digest) AS code
    INTO v_event
    FROM unnest(p_event_types, p_subject_ids, p_actors, p_payloads, p_digests) WITH ORDINALITY
        AS a (event_type, subject_id, actor, payload, digest, position)
    WHERE artifactstore.argument_fault(a.event_type, a.subject_id, a.actor, a.payload, a.digest) IS NOT NULL
    LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse(v_event.code, jsonb_build_object(
            'position', v_event.position, 'event_type', v_event.event_type,
            'problem', format('event %s of %s, payload of %s bytes (at most 65536)',
                v_event.position, cardinality(p_event_types), coalesce(octet_length(v_event.payload), 0))));
    END IF;

    SELECT array_agg(ROW(NULL, NULL, a.event_type, a.subject_id, a.actor, artifactstore.decode_payload(
            a.event_type, a.payload, jsonb_build_object('position', a.position), t.shape
        ))::artifactstore.decoded_event ORDER BY a.position)
    INTO v_events
    FROM unnest(p_event_types, p_subject_ids, p_actors, p_payloads) WITH ORDINALITY
        AS a (event_type, subject_id, actor, payload, position)
    LEFT JOIN artifactstore.event_types t ON t.event_type = a.event_type;
    RETURN v_events;
END
$$;

COMMENT ON FUNCTION artifactstore.decode_arguments(text[], uuid[], text[], bytea[], bytea[]) IS
'The arguments of append as decoded events without number and time; refuses too many bytes, then the first '
'event with an argument_fault, then the first whose payload does not fit the catalogue';
