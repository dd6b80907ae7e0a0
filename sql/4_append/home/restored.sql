-- purpose: begin a new epoch, in a log that is behind what its followers saw
-- called by: role operator (artifactstore restored)
-- writes: home and, through append, the log
CREATE OR REPLACE FUNCTION artifactstore.restored(
    p_reason text, p_on_behalf_of text DEFAULT NULL, p_from bigint DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
AS $$
DECLARE
    v_epoch artifactstore.log_epochs;
    v_last bigint;
    v_payload bytea;
BEGIN
    PERFORM artifactstore.lock_log();
    IF artifactstore.log_head() = 0 THEN
        PERFORM artifactstore.refuse('not-found', jsonb_build_object('problem', 'an empty log has no epoch'));
    END IF;
    PERFORM artifactstore.check_views();
    v_last := artifactstore.last_shared(p_from);
    PERFORM artifactstore.settle_home();
    SELECT * INTO STRICT v_epoch FROM artifactstore.log_epochs g ORDER BY g.epoch DESC LIMIT 1;
    v_payload := artifactstore.cbor_encode('v1.system.restored', json_strip_nulls(json_build_object(
        'epoch', v_epoch.epoch + 1, 'epoch_id', gen_random_uuid(), 'from_sequence', v_last,
        'reason', p_reason, 'on_behalf_of', p_on_behalf_of)));
    RETURN (SELECT a.sequence FROM artifactstore.append(
        ARRAY['v1.system.restored'], ARRAY[v_epoch.log_id], ARRAY['db:' || session_user],
        ARRAY[v_payload], ARRAY[artifactstore.blake3(v_payload)]) a);
END
$$;

COMMENT ON FUNCTION artifactstore.restored(text, text, bigint) IS
'Makes this database the home of the log and appends v1.system.restored: a new epoch with a random id, '
'so that followers of the old one are told (409) instead of reading on in another history. '
'p_from: the last event that it shares with what they saw, as last_shared takes it. Returns its sequence';
