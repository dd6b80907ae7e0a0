-- purpose: check the arguments of append, decode the payloads, ask the door: before the lock
-- called by: append, append_commands, admit_commands
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
    v_event record;
    v_code text;
BEGIN
    IF v_count = 0 OR v_count > c_max_events THEN
        PERFORM artifactstore.refuse('too-large', jsonb_build_object(
            'problem', format('%s events; 1 to %s are allowed in one append', v_count, c_max_events),
            'events', v_count, 'limit', c_max_events));
    ELSIF v_count <> ANY (ARRAY[
        coalesce(cardinality(p_subject_ids), 0), coalesce(cardinality(p_actors), 0),
        coalesce(cardinality(p_payloads), 0), coalesce(cardinality(p_digests), 0),
        coalesce(cardinality(p_expected), v_count)])
    THEN
        PERFORM artifactstore.refuse('bad-payload', '{"problem": "the arrays differ in length"}');
    END IF;

    SELECT sum(octet_length(p)) INTO v_bytes FROM unnest(p_payloads) p;
    IF v_bytes > c_max_bytes THEN
        PERFORM artifactstore.refuse('too-large', jsonb_build_object(
            'problem', format('%s bytes of payload; %s are allowed in one append', v_bytes, c_max_bytes),
            'bytes', v_bytes, 'limit', c_max_bytes));
    END IF;

    FOR v_event IN
        SELECT *
        FROM unnest(p_event_types, p_subject_ids, p_actors, p_payloads, p_digests) WITH ORDINALITY
            AS a (event_type, subject_id, actor, payload, digest, position)
        WHERE num_nulls(event_type, subject_id, actor, payload, digest) > 0
            OR octet_length(a.actor) NOT BETWEEN 1 AND 255
            OR octet_length(a.payload) NOT BETWEEN 1 AND 65536
            OR octet_length(a.digest) <> 32
        LIMIT 1
    LOOP
        v_code := CASE
            WHEN v_event.event_type IS NULL THEN 'unknown-event-type'
            WHEN v_event.subject_id IS NULL THEN 'bad-subject'
            WHEN (octet_length(v_event.actor) BETWEEN 1 AND 255) IS NOT TRUE THEN 'bad-actor'
            WHEN octet_length(v_event.payload) > 65536 THEN 'too-large'
            WHEN (octet_length(v_event.payload) > 0) IS NOT TRUE THEN 'bad-payload'
            ELSE 'bad-digest' END;
        PERFORM artifactstore.refuse(v_code, jsonb_build_object(
            'position', v_event.position, 'event_type', v_event.event_type,
            'problem', format('event %s of %s, payload of %s bytes (at most 65536)',
                v_event.position, v_count, coalesce(octet_length(v_event.payload), 0))));
    END LOOP;

    SELECT array_agg(ROW(NULL, NULL, a.event_type, a.subject_id, a.actor, artifactstore.decode_payload(
            a.event_type, a.payload, jsonb_build_object('position', a.position), t.shape
        ))::artifactstore.decoded_event ORDER BY a.position)
    INTO v_events
    FROM unnest(p_event_types, p_subject_ids, p_actors, p_payloads) WITH ORDINALITY
        AS a (event_type, subject_id, actor, payload, position)
    LEFT JOIN artifactstore.event_types t ON t.event_type = a.event_type;
    PERFORM artifactstore.check_door(v_events);
    RETURN v_events;
END
$$;

COMMENT ON FUNCTION artifactstore.open_arguments(text[], uuid[], text[], bytea[], bytea[], bigint[]) IS
'The arguments of append as decoded events without number and time; '
'refuses what does not fit the catalogue, a limit or the door, with the position (from 1) in DETAIL';
