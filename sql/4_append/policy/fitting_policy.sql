-- purpose: the rule that gives a new package its retention
-- called by: check_policies, due_policies
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.fitting_policy(
    p_purl text, p_labels jsonb, p_media_type text, OUT name text, OUT mode text, OUT days bigint
)
RETURNS SETOF record
LANGUAGE sql STABLE
AS $$
    SELECT r.name, r.mode, r.days
    FROM artifactstore.retention_policies r
    WHERE artifactstore.unmet_conditions(r, p_purl, p_labels, p_media_type) = '{}'
    ORDER BY r.place
    LIMIT 1
$$;

COMMENT ON FUNCTION artifactstore.fitting_policy(text, jsonb, text) IS
'Name, mode and days of the first rule that a package of this canonical purl, labels and media type fits; '
'no row if there is none';
