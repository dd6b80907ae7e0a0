-- purpose: the parts of a package URL, by ASCII grammar alone
-- called by: project_package_created, purl_problem
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.parse_purl(p_purl text)
RETURNS artifactstore.purl_parts
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE
AS $$
DECLARE
    c_segment CONSTANT text := '(?:[A-Za-z0-9._~:+-]|%[0-9A-Fa-f]{2})+';
    v_match text[];
    v_parts artifactstore.purl_parts;
BEGIN
    v_match := regexp_match(p_purl COLLATE "C",
        '^pkg:([a-z][a-z0-9.-]*)/(?:(' || c_segment || '(?:/' || c_segment || ')*)/)?(' || c_segment || ')'
        '(?:@(' || c_segment || '))?'
        '(?:[?][a-z][a-z0-9._-]*=(?:' || c_segment || '|/|,)+(?:&[a-z][a-z0-9._-]*=(?:' || c_segment || '|/|,)+)*)?'
        '(?:#' || c_segment || '(?:/' || c_segment || ')*)?$');
    IF v_match IS NULL OR p_purl ~ '(^|[/#])([.]|%2[Ee]){1,2}([/?#@]|$)' THEN
        RETURN NULL;
    END IF;
    v_parts := (v_match[1], artifactstore.percent_decode(v_match[2]),
        artifactstore.percent_decode(v_match[3]), artifactstore.percent_decode(v_match[4]));
    IF (v_match[2] IS NULL) <> (v_parts.namespace IS NULL) OR v_parts.name IS NULL
        OR (v_match[4] IS NULL) <> (v_parts.version IS NULL)
    THEN
        RETURN NULL;
    END IF;
    RETURN v_parts;
END
$$;

COMMENT ON FUNCTION artifactstore.parse_purl(text) IS
'Type, namespace, name and version of a well-formed package URL (percent-decoded), null for any other text';
