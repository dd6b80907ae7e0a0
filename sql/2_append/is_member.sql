-- purpose: who is asking, in terms of our roles
-- called by: append_json
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.is_member(p_role text)
RETURNS boolean
LANGUAGE sql STABLE
AS $$
    -- session_user: inside SECURITY DEFINER functions current_user is the owner
    SELECT pg_catalog.pg_has_role(session_user, r.rolname, 'MEMBER')
    FROM artifactstore.roles r WHERE r.role = p_role
$$;

COMMENT ON FUNCTION artifactstore.is_member(text) IS
'Whether the login user is a member of the database role that plays p_role';
