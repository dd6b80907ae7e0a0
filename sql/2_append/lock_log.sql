-- purpose: become the only appender until commit, or fail soon with a name
-- called by: append, replay
-- writes: nothing (locks append_lock)
CREATE OR REPLACE FUNCTION artifactstore.lock_log()
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_lock_timeout_ms CONSTANT integer := 5000;
    c_idle_timeout_ms CONSTANT integer := 15000;
    v_lock_timeout text := current_setting('lock_timeout');
    v_idle_ms integer;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM artifactstore.refuse('wrong-isolation',
            jsonb_build_object('problem', 'it is ' || current_setting('transaction_isolation')));
    END IF;
    -- Transaction-local, since role settings are not inherited by members: a stuck client must not stop all writers,
    -- and no number may come back with other content after a crash.
    SELECT setting::integer INTO v_idle_ms FROM pg_catalog.pg_settings
    WHERE name = 'idle_in_transaction_session_timeout';
    IF v_idle_ms = 0 OR v_idle_ms > c_idle_timeout_ms THEN
        PERFORM set_config('idle_in_transaction_session_timeout', c_idle_timeout_ms::text, true);
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    IF v_lock_timeout = '0' THEN
        PERFORM set_config('lock_timeout', c_lock_timeout_ms::text, true);
    END IF;
    BEGIN
        LOCK TABLE artifactstore.append_lock IN EXCLUSIVE MODE;
    EXCEPTION WHEN lock_not_available THEN
        PERFORM artifactstore.refuse('busy', jsonb_build_object(
            'problem', 'waited ' || current_setting('lock_timeout'), 'lock_timeout', current_setting('lock_timeout')));
    END;
END
$$;

COMMENT ON FUNCTION artifactstore.lock_log() IS
'Takes the append lock until commit: 5 s lock_timeout unless the session has its own, 15 s idle_in_transaction_session_timeout at the most, synchronous_commit at least on; READ COMMITTED only';
