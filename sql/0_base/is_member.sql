-- purpose: who is asking, in terms of our roles
-- called by: append_json
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.is_member(p_role text)
RETURNS boolean
LANGUAGE sql STABLE
AS $$
    -- session_user: inside SECURITY DEFINER functions current_user is the owner
    -- Nobody is a member of a role that plays no part or is not there.
    SELECT coalesce((
        SELECT pg_catalog.pg_has_role(session_user, pg_catalog.to_regrole(quote_ident(r.rolname)), 'MEMBER')
        FROM artifactstore.roles r WHERE r.role = p_role), false)
$$;

COMMENT ON FUNCTION artifactstore.is_member(text) IS
'Whether the login user is a member of the database role that plays p_role; false if none does';
