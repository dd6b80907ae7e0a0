-- purpose: in which views do two view sets differ, by one look at each row and none at pairs of rows
-- called by: find_differences
-- writes: nothing
--
-- Other rows have the same digest by a chance of 1 in 2^64, and which those would be cannot be known before,
-- since the seed is new each time; but the hash is no cryptographic one. So this says where a replay looks
-- closer. What verify proves, it proves by the rows themselves: compare_view_sets.
CREATE OR REPLACE FUNCTION artifactstore.different_views(p_left text, p_right text)
RETURNS text[]
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_seed bigint := uuid_hash_extended(gen_random_uuid(), 0);
    v_left jsonb := artifactstore.digest_view_set(p_left, v_seed);
    v_right jsonb := artifactstore.digest_view_set(p_right, v_seed);
BEGIN
    RETURN ARRAY(
        SELECT n.name FROM unnest(artifactstore.view_names()) WITH ORDINALITY AS n (name, position)
        WHERE v_left -> n.name IS DISTINCT FROM v_right -> n.name
        ORDER BY n.position);
END
$$;

COMMENT ON FUNCTION artifactstore.different_views(text, text) IS
'The views whose rows differ between two view sets, by their digests with a new random seed; which rows '
'those are, it does not tell';
