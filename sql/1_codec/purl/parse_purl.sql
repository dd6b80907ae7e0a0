-- purpose: the parts of a package URL, by ASCII grammar alone
-- called by: project_package_created
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.parse_purl(p_purl text)
RETURNS artifactstore.purl_parts
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE
AS $$
DECLARE
    -- Without captures, which would cost ten times as much; the parts are cut out afterwards.
    c_segment CONSTANT pg_catalog.text := '(?:[A-Za-z0-9._~:+-]|%[0-9A-Fa-f]{2})+';
    c_grammar CONSTANT pg_catalog.text :=
        '^pkg:[a-z][a-z0-9.-]*(?:/' || c_segment || ')+(?:@' || c_segment || ')?'
        '(?:[?][a-z][a-z0-9._-]*=(?:' || c_segment || '|[/,])+'
        '(?:&[a-z][a-z0-9._-]*=(?:' || c_segment || '|[/,])+)*)?'
        '(?:#' || c_segment || '(?:/' || c_segment || ')*)?$';
    v_rest pg_catalog.text := split_part(split_part(substr(p_purl, 5), '#', 1), '?', 1);
    v_parts artifactstore.purl_parts;
BEGIN
    IF p_purl IS NULL OR p_purl !~ c_grammar OR p_purl ~ '(?:^|[/#])(?:[.]|%2[Ee]){1,2}(?:[/?#@]|$)' THEN
        RETURN NULL;
    END IF;
    v_parts.type := split_part(v_rest, '/', 1);
    v_parts.version := nullif(split_part(v_rest, '@', 2), '');
    v_rest := substr(split_part(v_rest, '@', 1), length(v_parts.type) + 2);
    IF v_parts.type = 'git' AND strpos(v_rest, '/') > 0 THEN
        -- host/path of the repository there, which has slashes
        v_parts.namespace := split_part(v_rest, '/', 1);
        v_parts.name := substr(v_rest, length(v_parts.namespace) + 2);
    ELSE
        v_parts.name := split_part(v_rest, '/', -1);
        v_parts.namespace := nullif(left(v_rest, -length(v_parts.name) - 1), '');
    END IF;
    IF strpos(p_purl, '%') = 0 THEN
        RETURN v_parts;
    ELSIF v_parts.namespace ~ '%2[Ff]' THEN
        RETURN NULL; -- a/b in one segment would be the namespace a/b of another purl
    END IF;
    v_rest := concat_ws(' ', v_parts.namespace, v_parts.name, v_parts.version);
    v_parts.namespace := artifactstore.percent_decode(v_parts.namespace);
    v_parts.name := artifactstore.percent_decode(v_parts.name);
    v_parts.version := artifactstore.percent_decode(v_parts.version);
    RETURN CASE WHEN artifactstore.percent_decode(v_rest) IS NOT NULL THEN v_parts END;
END
$$;

COMMENT ON FUNCTION artifactstore.parse_purl(text) IS
'Type, namespace, name and version of a well-formed package URL (percent-decoded), null for any other text';
