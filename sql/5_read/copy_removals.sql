-- purpose: what is to be done about copies that are to go, and who still needs their bytes
-- called by: role reader (Store.locations, Store.removals, doctor)
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.copy_removals(p_locations uuid[])
RETURNS TABLE (location_id uuid, removal text, needed_by jsonb)
LANGUAGE sql STABLE
SET search_path = artifactstore, pg_temp
AS $$
    SELECT c.location_id, c.removal, c.needed_by FROM artifactstore.byte_claims(p_locations) c
$$;

COMMENT ON FUNCTION artifactstore.copy_removals(uuid[]) IS
'Per location that is not retired: removal, what to do about one that is retiring (remove: remove the bytes, '
'then retire it as deleted; detach: others need the bytes, retire it as detached; '
'wait: others that are to go, too, are to be detached first), null for others; '
'needed_by: the first of the other locations that name the same bytes, and how many more there are';
