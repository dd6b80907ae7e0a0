-- purpose: revoke an access token: the event and the mark, in one transaction
-- called by: role service (Store.revoke_token)
-- writes: tokens, and through append the log
CREATE OR REPLACE FUNCTION artifactstore.revoke_token(p_payload bytea, p_digest bytea, p_actor text)
RETURNS TABLE (sequence bigint, created_at timestamptz, appended boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_payload jsonb := artifactstore.decode_payload('v1.system.token_revoked', p_payload, '{"position": 1}');
    v_token_id uuid := (v_payload ->> 'token_id')::uuid;
    v_token artifactstore.tokens;
    v_revoked record;
BEGIN
    PERFORM artifactstore.lock_log();
    SELECT * INTO v_token FROM artifactstore.tokens t WHERE t.token_id = v_token_id;
    IF NOT FOUND THEN
        PERFORM artifactstore.refuse('not-found', jsonb_build_object(
            'token_id', v_token_id, 'problem', 'token ' || v_token_id));
    ELSIF v_token.revoked_at IS NOT NULL THEN
        RETURN QUERY SELECT v_token.revoked_sequence, v_token.revoked_at, false;
        RETURN;
    END IF;
    SELECT * INTO STRICT v_revoked
    FROM artifactstore.append_log_event('v1.system.token_revoked', p_payload, p_digest, p_actor);
    IF v_revoked.appended THEN
        UPDATE artifactstore.tokens t
        SET revoked_sequence = v_revoked.sequence, revoked_at = v_revoked.created_at
        WHERE t.token_id = v_token_id;
    END IF;
    RETURN QUERY SELECT v_revoked.sequence, v_revoked.created_at, v_revoked.appended;
END
$$;

COMMENT ON FUNCTION artifactstore.revoke_token(bytea, bytea, text) IS
'Revokes a token: payload of v1.system.token_revoked and its digest, who revokes it. '
'One that is revoked already gives the event that did';
