-- purpose: whether appends ring the bell: not once the queue of notifications is half full
-- called by: ring_bell, the service, doctor
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.bell_rings()
RETURNS boolean
LANGUAGE sql VOLATILE
AS $$
    -- To ask frees what every listener has read: where nobody asks, a queue that was full stays full.
    SELECT pg_catalog.pg_notification_queue_usage() OPERATOR(pg_catalog.<) 0.5
$$;

COMMENT ON FUNCTION artifactstore.bell_rings() IS
'Whether appends ring NOTIFY artifactstore_events: while the queue of notifications of the server, '
'which a session that listens and stays in a transaction fills, is less than half full. '
'Followers look from time to time in any case';
