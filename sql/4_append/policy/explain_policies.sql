-- purpose: why a package would get the retention that it would get
-- called by: roles reader and service (Store.policies)
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.explain_policies(
    p_purl text, p_labels jsonb DEFAULT NULL, p_media_type text DEFAULT NULL
)
RETURNS TABLE (
    place bigint, name text, mode text, days bigint, purl_type text, purl_prefix text, media_type text,
    labels jsonb, last_sequence bigint, applies boolean, unmet text[]
)
LANGUAGE sql STABLE
AS $$
    SELECT r.place, r.name, r.mode, r.days, r.purl_type, r.purl_prefix, r.media_type, r.labels,
        r.last_sequence,
        u.unmet = '{}' AND r.place = min(r.place) FILTER (WHERE u.unmet = '{}') OVER (), u.unmet
    FROM artifactstore.retention_policies r
    CROSS JOIN LATERAL (
        SELECT artifactstore.unmet_conditions(r, c.purl, p_labels, p_media_type) AS unmet
        FROM artifactstore.canonical_purl(p_purl) AS c (purl)) u
    ORDER BY r.place
$$;

COMMENT ON FUNCTION artifactstore.explain_policies(text, jsonb, text) IS
'Every rule in order, whether it is the one that would apply to a new package of this purl (any spelling), '
'labels and media type, and which of its conditions are unmet; refuses invalid-purl';
