-- purpose: issue an access token: the event and the stored hash, in one transaction
-- called by: role service (Store.issue_token)
-- writes: tokens, and through append the log
CREATE OR REPLACE FUNCTION artifactstore.issue_token(
    p_payload bytea, p_digest bytea, p_actor text, p_holder text, p_secret_hash bytea
)
RETURNS TABLE (sequence bigint, created_at timestamptz, appended boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_payload jsonb := artifactstore.decode_payload('v1.system.token_issued', p_payload, '{"position": 1}');
    v_token_id uuid := (v_payload ->> 'token_id')::uuid;
    v_problem jsonb := artifactstore.name_problem(p_holder);
    v_issued record;
BEGIN
    IF v_problem IS NOT NULL THEN
        PERFORM artifactstore.refuse('bad-actor', v_problem || '{"field": "actor"}');
    END IF;
    SELECT * INTO STRICT v_issued
    FROM artifactstore.append_log_event('v1.system.token_issued', p_payload, p_digest, p_actor);
    IF v_issued.appended THEN
        INSERT INTO artifactstore.tokens
            (token_id, secret_hash, actor, roles, issued_sequence, issued_at, issued_by, expires_at)
        SELECT v_token_id, p_secret_hash, p_holder,
            ARRAY(SELECT jsonb_array_elements_text(v_payload -> 'roles')),
            v_issued.sequence, v_issued.created_at, p_actor,
            artifactstore.from_micros((v_payload -> 'expires')::bigint)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            PERFORM artifactstore.refuse('id-taken', jsonb_build_object(
                'token_id', v_token_id, 'problem', 'token ' || v_token_id));
        END IF;
    END IF;
    RETURN QUERY SELECT v_issued.sequence, v_issued.created_at, v_issued.appended;
END
$$;

COMMENT ON FUNCTION artifactstore.issue_token(bytea, bytea, text, text, bytea) IS
'Issues a token for the actor p_holder: payload of v1.system.token_issued and its digest, who issues it, '
'BLAKE3 of its secret. A known request stores nothing';
