-- purpose: which tokens there are, without their hashes
-- called by: role service (Store.tokens)
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.list_tokens(p_after uuid DEFAULT NULL, p_limit bigint DEFAULT NULL)
RETURNS TABLE (
    token_id uuid, actor text, roles text[], state text, issued_sequence bigint, issued_at timestamptz,
    issued_by text, expires_at timestamptz, revoked_sequence bigint, revoked_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
    SELECT t.token_id, t.actor, t.roles, CASE
            WHEN t.revoked_at IS NOT NULL THEN 'revoked'
            WHEN t.expires_at <= clock_timestamp() THEN 'expired'
            ELSE 'good' END,
        t.issued_sequence, t.issued_at, t.issued_by, t.expires_at, t.revoked_sequence, t.revoked_at
    FROM artifactstore.tokens t
    WHERE p_after IS NULL OR t.token_id > p_after
    ORDER BY t.token_id
    LIMIT p_limit
$$;

COMMENT ON FUNCTION artifactstore.list_tokens(uuid, bigint) IS
'Tokens by id after p_after, at most p_limit: whose, what for, until when, and whether they are good, '
'expired or revoked';
