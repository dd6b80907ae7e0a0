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
    v_count integer := coalesce(cardinality(p_event_types), 0);
    v_events artifactstore.decoded_event[];
    v_done boolean;
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

    -- Usually all is as it should be, and one pass sees that. (1,024 payloads of 64 KiB are not too large
    -- together.)
    IF v_count <= 1024 THEN
        SELECT array_agg(
                ROW(NULL, NULL, d.event_type, d.subject_id, d.actor, d.decoded)::artifactstore.decoded_event)
        INTO v_events
        FROM (
            SELECT a.event_type, a.subject_id, a.actor,
                artifactstore.decode_usual(a.event_type, a.payload, t.shape) AS decoded
            FROM unnest(p_event_types, p_subject_ids, p_actors, p_payloads, p_digests) WITH ORDINALITY
                AS a (event_type, subject_id, actor, payload, digest, position)
            JOIN artifactstore.event_types t ON t.event_type = a.event_type
            WHERE artifactstore.argument_fault(
                a.event_type, a.subject_id, a.actor, a.payload, a.digest) IS NULL
            ORDER BY a.position
            OFFSET 0) d
        HAVING count(d.decoded) = v_count;
    END IF;
    IF v_events IS NULL THEN
        v_events := artifactstore.decode_arguments(
            p_event_types, p_subject_ids, p_actors, p_payloads, p_digests);
    END IF;
    v_done := artifactstore.check_door(v_events) IS NULL;
    RETURN v_events;
END
$$;

COMMENT ON FUNCTION artifactstore.open_arguments(text[], uuid[], text[], bytea[], bytea[], bigint[]) IS
'The arguments of append as decoded events without number and time; '
'refuses what does not fit the catalogue, a limit or the door, with the position (from 1) in DETAIL';
