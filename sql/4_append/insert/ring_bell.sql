-- purpose: tell those who listen that the log goes on, unless that could keep the log from going on
-- called by: insert_events, import_events
-- writes: nothing (notifies at commit)
CREATE OR REPLACE FUNCTION artifactstore.ring_bell(p_head bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_done boolean;
BEGIN
    -- With the queue of notifications full, a commit that has one to send fails, whoever filled it.
    IF artifactstore.bell_rings() THEN
        v_done := pg_notify('artifactstore_events', p_head::text) IS NULL;
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.ring_bell(bigint) IS
'NOTIFY artifactstore_events with the head, once the transaction commits, while bell_rings()';
