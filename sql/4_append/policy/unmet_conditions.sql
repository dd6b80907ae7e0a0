-- purpose: what keeps a package from fitting a rule
-- called by: fitting_policy, explain_policies
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.unmet_conditions(
    p_rule artifactstore.retention_policies, p_purl text, p_labels jsonb, p_media_type text
)
RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT array_remove(ARRAY[
        CASE WHEN p_rule.purl_type <> substring(p_purl FROM '^pkg:([^/]*)/') THEN 'purl_type' END,
        CASE WHEN NOT starts_with(p_purl, p_rule.purl_prefix) THEN 'purl_prefix' END,
        CASE WHEN p_rule.media_type IS DISTINCT FROM p_media_type AND p_rule.media_type IS NOT NULL
            THEN 'media_type' END,
        CASE WHEN NOT coalesce(p_labels, '{}') @> p_rule.labels THEN 'labels' END], NULL)
$$;

COMMENT ON FUNCTION artifactstore.unmet_conditions(artifactstore.retention_policies, text, jsonb, text) IS
'Columns of the rule whose condition a package of this canonical purl, labels and media type does not meet';
