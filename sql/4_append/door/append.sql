-- purpose: append events: check, lock, number, project, insert, ring the bell, in the caller's transaction
-- called by: role service (Store.append), append_json, append_log_event, restored
-- writes: events and, through fold_new, the live views; at first home
CREATE OR REPLACE FUNCTION artifactstore.append(
    p_event_types text[], p_subject_ids uuid[], p_actors text[], p_payloads bytea[], p_digests bytea[],
    p_expected bigint[] DEFAULT NULL
)
RETURNS TABLE ("position" integer, sequence bigint, created_at timestamptz, appended boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_events artifactstore.decoded_event[];
    v_head bigint;
    v_now timestamptz;
    v_guard text;
BEGIN
    v_events := artifactstore.open_arguments(
        p_event_types, p_subject_ids, p_actors, p_payloads, p_digests, p_expected);
    SELECT t.head, t.now INTO v_head, v_now FROM artifactstore.take_log() t;
    IF v_head = 0 THEN
        v_head := artifactstore.append_initialized(p_event_types[1], v_now);
    END IF;
    v_events := artifactstore.admit_events(v_events, v_head, v_now, p_expected);

    -- An assignment is no statement that has to be started, and is half as long.
    v_guard := set_config('artifactstore.projecting', 'on', true);
    PERFORM artifactstore.fold_new(v_events, v_head);
    PERFORM artifactstore.insert_events(v_events, p_payloads, p_digests, v_head);
    v_guard := set_config('artifactstore.projecting', 'off', true);
    RETURN QUERY
    SELECT e.position::integer, e.sequence, e.created_at, e.sequence > v_head
    FROM unnest(v_events) WITH ORDINALITY
        AS e (sequence, created_at, event_type, subject_id, actor, payload, position);
END
$$;

COMMENT ON FUNCTION artifactstore.append(text[], uuid[], text[], bytea[], bytea[], bigint[]) IS
'Appends 1…n events (arrays of equal length; payload = AS-CBOR/1, digest = its BLAKE3) all or nothing, '
'and projects them. p_expected: version that the row of the subject must have (see row_version; '
'0: no row, null: any). A row per event; a known request appends nothing and returns its first sequences';
