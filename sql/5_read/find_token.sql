-- purpose: what the service must know to judge a token
-- called by: role service (Store.find_token)
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.find_token(p_token_id uuid)
RETURNS TABLE (
    token_id uuid, secret_hash bytea, actor text, roles text[], revoked boolean, seconds_left double precision
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
    SELECT t.token_id, t.secret_hash, t.actor, t.roles, t.revoked_at IS NOT NULL,
        extract(EPOCH FROM t.expires_at - clock_timestamp())::double precision
    FROM artifactstore.tokens t
    WHERE t.token_id = p_token_id
$$;

COMMENT ON FUNCTION artifactstore.find_token(uuid) IS
'A token with the hash of its secret and the seconds until it expires (negative afterwards, null: never), '
'by the clock of the database';
