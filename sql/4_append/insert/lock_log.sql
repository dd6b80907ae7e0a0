-- purpose: become the only appender until commit, or fail soon with a name
-- called by: append_log_event, revoke_token, replay, adopt, restored, equalize, take_log, trust_views,
--     end_rebuild
-- writes: nothing (locks append_lock)
CREATE OR REPLACE FUNCTION artifactstore.lock_log()
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_idle_timeout text := current_setting('idle_in_transaction_session_timeout');
    v_commit text := current_setting('synchronous_commit');
    v_started timestamptz := clock_timestamp();
    v_set text;
    v_done boolean;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM artifactstore.refuse('wrong-isolation',
            jsonb_build_object('problem', 'it is ' || current_setting('transaction_isolation')));
    END IF;
    -- Transaction-local, since role settings are not inherited by members: a stuck client must not stop all
    -- writers, and no number may come back with other content after a crash, nor after a failover.
    IF v_idle_timeout = '0' OR v_idle_timeout::interval > '15 s' THEN
        v_set := set_config('idle_in_transaction_session_timeout', '15s', true);
    END IF;
    IF v_commit IN ('off', 'local') THEN
        v_set := set_config('synchronous_commit', 'on', true);
    END IF;
    v_done := artifactstore.limit_waits() IS NULL;
    BEGIN
        LOCK TABLE artifactstore.append_lock IN EXCLUSIVE MODE;
    EXCEPTION WHEN lock_not_available THEN
        -- Whoever only reads the table, such as pg_dump, is in nobody's way.
        PERFORM artifactstore.refuse_wait('the append lock', ARRAY(
            SELECT l.pid FROM pg_catalog.pg_locks l
            WHERE l.granted AND l.locktype = 'relation' AND l.mode <> 'AccessShareLock'
                AND l.relation = 'artifactstore.append_lock'::regclass
                AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                    WHERE d.datname = current_database())));
    END;
    -- For the metric of the service: seconds, until the end of the transaction.
    v_set := set_config(
        'artifactstore.lock_wait', date_part('epoch', clock_timestamp() - v_started)::text, true);
END
$$;

COMMENT ON FUNCTION artifactstore.lock_log() IS
'Takes the append lock until commit: 5 s lock_timeout unless the session has its own, '
'15 s idle_in_transaction_session_timeout at the most, synchronous_commit at least on; READ COMMITTED only';
