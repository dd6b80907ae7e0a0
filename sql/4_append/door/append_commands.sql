-- purpose: append the commands of several clients in one transaction, as if they had come one by one
-- called by: role service (Store.append_commands)
-- writes: events and, through fold_commands, the live views; at first home
CREATE OR REPLACE FUNCTION artifactstore.append_commands(
    p_event_types text[], p_subject_ids uuid[], p_actors text[], p_payloads bytea[], p_digests bytea[],
    p_expected bigint[], p_lasts integer[], p_together integer,
    OUT sequences bigint[], OUT times timestamptz[], OUT appended boolean[], OUT refusals jsonb[],
    OUT log_id uuid, OUT epoch bigint, OUT epoch_id uuid, OUT head bigint, OUT lock_wait double precision
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_events artifactstore.decoded_event[];
    v_before bigint;
    v_head bigint;
    v_log record;
    v_guard text;
BEGIN
    refusals := array_fill(NULL::jsonb, ARRAY[coalesce(cardinality(p_lasts), 0)]);
    IF p_lasts IS NULL OR p_lasts[cardinality(p_lasts)] IS DISTINCT FROM cardinality(p_event_types)
        OR (p_together >= 1) IS NOT TRUE
        OR p_lasts <> ARRAY(SELECT DISTINCT n FROM unnest(p_lasts) AS n WHERE n > 0 ORDER BY n)
    THEN
        PERFORM artifactstore.refuse('bad-payload', '{"problem": "the commands do not divide the events"}');
    END IF;
    BEGIN
        v_events := artifactstore.open_arguments(
            p_event_types, p_subject_ids, p_actors, p_payloads, p_digests, p_expected);
    EXCEPTION WHEN SQLSTATE 'ST000' THEN
        v_events := NULL; -- which commands are refused, admit_commands finds
    END;

    v_log := artifactstore.take_log();
    v_before := v_log.head;
    BEGIN
        v_head := v_before;
        IF v_before = 0 THEN
            v_head := artifactstore.append_initialized(p_event_types[1], v_log.now);
        END IF;
        IF v_events IS NOT NULL THEN
            BEGIN
                v_events := artifactstore.admit_events(v_events, v_head, v_log.now, p_expected);
            EXCEPTION WHEN SQLSTATE 'ST000' THEN
                v_events := NULL;
            END;
        END IF;
        IF v_events IS NULL THEN
            SELECT a.events, a.refusals INTO v_events, refusals
            FROM artifactstore.admit_commands(
                p_event_types, p_subject_ids, p_actors, p_payloads, p_digests, p_expected, p_lasts,
                v_head, v_log.now) a;
        END IF;

        v_guard := set_config('artifactstore.projecting', 'on', true);
        SELECT f.events, f.refusals INTO v_events, refusals
        FROM artifactstore.fold_commands(v_events, p_lasts, v_head, p_together, refusals) f;
        IF artifactstore.insert_events(v_events, p_payloads, p_digests, v_head) = 0 AND v_head > v_before THEN
            RAISE EXCEPTION USING ERRCODE = 'RB000', MESSAGE = 'a log does not begin with a refusal';
        END IF;
        v_guard := set_config('artifactstore.projecting', 'off', true);
    EXCEPTION WHEN SQLSTATE 'RB000' THEN
        NULL;
    END;

    SELECT array_agg(e.sequence ORDER BY e.n), array_agg(e.created_at ORDER BY e.n),
        array_agg(e.sequence > v_head ORDER BY e.n)
    INTO sequences, times, appended
    FROM unnest(v_events) WITH ORDINALITY
        AS e (sequence, created_at, event_type, subject_id, actor, payload, n);
    SELECT g.log_id, g.epoch, g.epoch_id INTO log_id, epoch, epoch_id
    FROM artifactstore.log_epochs g ORDER BY g.epoch DESC LIMIT 1;
    head := artifactstore.log_head();
    lock_wait := current_setting('artifactstore.lock_wait');
END
$$;

COMMENT ON FUNCTION artifactstore.append_commands(
    text[], uuid[], text[], bytea[], bytea[], bigint[], integer[], integer) IS
'As append, for the events of several commands, each all or nothing: p_lasts are the positions of their last '
'events, p_together says how many are tried at once. '
'Per event its sequence (null: refused), time and whether it is new, per command a refusal (sqlstate, '
'detail) or null, then where the log stands, and the seconds waited for the lock. '
'No two commands may share an idempotency key, and one with p_expected must be the first on its subject';
