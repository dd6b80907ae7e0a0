-- purpose: check the shape of append's arguments and decode the payloads, before the lock
-- called by: append
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.open_arguments(
    p_event_types text[], p_subject_ids uuid[], p_actors text[], p_payloads bytea[], p_digests bytea[],
    p_expected bigint[]
)
RETURNS artifactstore.decoded_event[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    c_max_events CONSTANT integer := 100000;
    c_max_bytes CONSTANT integer := 67108864;
    v_count integer := coalesce(cardinality(p_event_types), 0);
    v_events artifactstore.decoded_event[];
    v_bytes bigint;
    v_position bigint;
    v_code text;
BEGIN
    IF v_count = 0 OR v_count > c_max_events THEN
        PERFORM artifactstore.refuse('too-large', jsonb_build_object(
            'problem', format('%s events; 1 to %s are allowed in one append', v_count, c_max_events),
            'events', v_count, 'limit', c_max_events));
    ELSIF v_count <> ALL (ARRAY[
        coalesce(cardinality(p_subject_ids), 0), coalesce(cardinality(p_actors), 0),
        coalesce(cardinality(p_payloads), 0), coalesce(cardinality(p_digests), 0),
        coalesce(cardinality(p_expected), v_count)])
    THEN
        PERFORM artifactstore.refuse('bad-payload', '{"problem": "the arrays differ in length"}');
    END IF;

    SELECT a.position, CASE
            WHEN a.event_type IS NULL OR t.event_type IS NULL THEN 'unknown-event-type'
            WHEN a.subject_id IS NULL THEN 'bad-subject'
            WHEN a.actor IS NULL OR octet_length(a.actor) NOT BETWEEN 1 AND 255 THEN 'bad-actor'
            WHEN a.payload IS NULL OR octet_length(a.payload) = 0 THEN 'bad-payload'
            WHEN octet_length(a.payload) > 65536 THEN 'too-large'
            WHEN a.digest IS NULL OR octet_length(a.digest) <> 32 THEN 'bad-digest'
        END
    INTO v_position, v_code
    FROM unnest(p_event_types, p_subject_ids, p_actors, p_payloads, p_digests) WITH ORDINALITY
        AS a (event_type, subject_id, actor, payload, digest, position)
    LEFT JOIN artifactstore.event_types t ON t.event_type = a.event_type
    WHERE t.event_type IS NULL OR a.subject_id IS NULL
        OR (octet_length(a.actor) BETWEEN 1 AND 255) IS NOT TRUE
        OR (octet_length(a.payload) BETWEEN 1 AND 65536) IS NOT TRUE
        OR (octet_length(a.digest) = 32) IS NOT TRUE
    ORDER BY a.position
    LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse(v_code, jsonb_build_object(
            'position', v_position, 'event_type', p_event_types[v_position],
            'problem', format('event %s of %s', v_position, v_count))
            || CASE WHEN v_code = 'too-large'
                THEN jsonb_build_object('bytes', octet_length(p_payloads[v_position]), 'limit', 65536)
                ELSE '{}' END);
    END IF;

    SELECT array_agg(ROW(NULL, NULL, a.event_type, a.subject_id, a.actor, artifactstore.decode_payload(
            a.event_type, a.payload, jsonb_build_object('position', a.position)
        ))::artifactstore.decoded_event ORDER BY a.position), sum(octet_length(a.payload))
    INTO v_events, v_bytes
    FROM unnest(p_event_types, p_subject_ids, p_actors, p_payloads) WITH ORDINALITY
        AS a (event_type, subject_id, actor, payload, position);
    IF v_bytes > c_max_bytes THEN
        PERFORM artifactstore.refuse('too-large', jsonb_build_object(
            'problem', format('%s bytes of payload; %s are allowed in one append', v_bytes, c_max_bytes),
            'bytes', v_bytes, 'limit', c_max_bytes));
    END IF;
    RETURN v_events;
END
$$;

COMMENT ON FUNCTION artifactstore.open_arguments(text[], uuid[], text[], bytea[], bytea[], bigint[]) IS
'The arguments of append as decoded events without number and time; refuses what does not fit the catalogue or a limit, with the position (from 1) in DETAIL';
