-- purpose: append rows of another database's log exactly as they are, where this log ends
-- called by: role operator (artifactstore import)
-- writes: events and, through project, the live views; at first home
--
-- What append computes is given here: number, time, kind. The caller vouches for actors
-- and digests, as the role service does for append; order, time, types, payloads and every
-- rule of the projectors are checked again.
CREATE OR REPLACE FUNCTION artifactstore.import_events(
    p_log_id uuid, p_before bytea, p_last bigint, p_first bigint, p_created_at timestamptz[],
    p_event_types text[], p_subject_kinds text[], p_subject_ids uuid[], p_actors text[],
    p_payloads bytea[], p_digests bytea[], p_allow_future boolean DEFAULT false
)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
-- As project_ranges: plans are made when the views are empty and kept until the end.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET work_mem = '64MB'
SET jit = off
AS $$
DECLARE
    v_count integer := cardinality(p_event_types);
    v_last bigint;
BEGIN
    IF coalesce(v_count, 0) = 0 OR v_count <> ANY (ARRAY[
        coalesce(cardinality(p_created_at), 0), coalesce(cardinality(p_subject_kinds), 0),
        coalesce(cardinality(p_subject_ids), 0), coalesce(cardinality(p_actors), 0),
        coalesce(cardinality(p_payloads), 0), coalesce(cardinality(p_digests), 0)])
    THEN
        PERFORM artifactstore.refuse(
            'bad-payload', '{"problem": "the arrays are empty or differ in length"}');
    END IF;
    PERFORM artifactstore.take_log();
    PERFORM artifactstore.check_continuation(p_log_id, p_before, p_first);
    v_last := p_first + v_count - 1;
    PERFORM artifactstore.check_import(
        p_first, p_created_at, p_event_types, p_subject_kinds, p_allow_future);

    PERFORM set_config('artifactstore.projecting', 'on', true);
    INSERT INTO artifactstore.events
        (sequence, created_at, event_type, subject_kind, subject_id, actor, payload, payload_digest)
    SELECT p_first + a.position - 1, a.created_at, a.event_type, a.subject_kind, a.subject_id, a.actor,
        a.payload, a.digest
    FROM unnest(p_created_at, p_event_types, p_subject_kinds, p_subject_ids, p_actors, p_payloads, p_digests)
        WITH ORDINALITY
        AS a (created_at, event_type, subject_kind, subject_id, actor, payload, digest, position);
    PERFORM artifactstore.project(p_first, v_last);
    PERFORM set_config('artifactstore.projecting', 'off', true);
    IF v_last = p_last THEN
        PERFORM artifactstore.ring_bell(v_last);
    END IF;
    RETURN v_last;
END
$$;

COMMENT ON FUNCTION artifactstore.import_events(
    uuid, bytea, bigint, bigint, timestamptz[], text[], text[], uuid[], text[], bytea[], bytea[], boolean) IS
'Appends the events p_first … of log p_log_id as they are (arrays of equal length, columns of events) '
'and projects them. p_before: identity of the event before p_first, which must be the head; '
'null for an empty log. p_last: last event of the whole import, with which the bell rings. '
'p_allow_future: also events that are ahead of the clock. Returns the head';
