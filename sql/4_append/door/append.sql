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
DECLARE
    v_events artifactstore.decoded_event[];
    v_event artifactstore.decoded_event;
    v_log record;
    v_head bigint;
    v_guard text;
    v_done boolean;
BEGIN
    -- Assignments: none is a statement that has to be started, which takes twice as long.
    v_events := artifactstore.open_arguments(
        p_event_types, p_subject_ids, p_actors, p_payloads, p_digests, p_expected);
    v_log := artifactstore.take_log();
    v_head := v_log.head;
    IF v_head = 0 THEN
        v_head := artifactstore.append_initialized(p_event_types[1], v_log.now);
    END IF;
    v_events := artifactstore.admit_events(v_events, v_head, v_log.now, p_expected);

    v_guard := set_config('artifactstore.projecting', 'on', true);
    v_done := artifactstore.fold_new(v_events, v_head) IS NULL;
    v_done := artifactstore.insert_events(v_events, p_payloads, p_digests, v_head) > 0;
    v_guard := set_config('artifactstore.projecting', 'off', true);
    "position" := 0;
    FOREACH v_event IN ARRAY v_events LOOP
        "position" := "position" + 1;
        sequence := v_event.sequence;
        created_at := v_event.created_at;
        appended := v_event.sequence > v_head;
        RETURN NEXT;
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.append(text[], uuid[], text[], bytea[], bytea[], bigint[]) IS
'Appends 1…n events (arrays of equal length; payload = AS-CBOR/1, digest = its BLAKE3) all or nothing, '
'and projects them. p_expected: version that the row of the subject must have (see row_version; '
'0: no row, null: any). A row per event; a known request appends nothing and returns its first sequences';
