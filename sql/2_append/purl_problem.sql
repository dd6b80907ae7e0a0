-- purpose: is a purl in the one spelling that the door lets in
-- called by: check_door
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.purl_problem(p_purl text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE
AS $$
DECLARE
    c_lower_case CONSTANT pg_catalog.text[] := ARRAY[
        'alpm', 'apk', 'bitbucket', 'composer', 'deb', 'github', 'gitlab', 'hex', 'npm', 'pypi', 'qpkg'];
    v_parts artifactstore.purl_parts := artifactstore.parse_purl(p_purl);
    v_names pg_catalog.text := concat_ws('/', v_parts.namespace, v_parts.name);
    v_qualifiers pg_catalog.text := substring(p_purl FROM '[?]([^#]*)');
    v_keys pg_catalog.text[];
    v_problem pg_catalog.text;
BEGIN
    IF v_parts.type IS NULL THEN
        v_problem := 'it is not pkg:type/namespace/name@version?qualifiers#subpath';
    ELSIF p_purl ~ '%([a-f]|[0-9A-F][a-f])' THEN
        v_problem := 'percent-encoding uses upper-case hex';
    ELSIF p_purl ~ '%(2[DE]|3[0-9A]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])' THEN
        v_problem := 'letters, digits and . - _ ~ : are not percent-encoded';
    ELSIF p_purl ~ '[+]' THEN
        v_problem := 'a plus is percent-encoded (%2B)';
    ELSIF v_parts.type = ANY (c_lower_case) AND v_names ~ '[A-Z]' THEN
        v_problem := format('names of type %s are lower-case', v_parts.type);
    ELSIF v_parts.type = 'pypi' AND v_names ~ '_' THEN
        v_problem := 'names of type pypi use - for _';
    ELSIF v_qualifiers IS NOT NULL THEN
        v_keys := ARRAY(
            SELECT split_part(q, '=', 1) FROM regexp_split_to_table(v_qualifiers, '&') WITH ORDINALITY AS s (q, n) ORDER BY n);
        IF v_keys <> ARRAY(SELECT DISTINCT k COLLATE "C" FROM unnest(v_keys) k ORDER BY 1) THEN
            v_problem := 'qualifiers are sorted by key, each key once';
        END IF;
    END IF;
    RETURN v_problem;
END
$$;

COMMENT ON FUNCTION artifactstore.purl_problem(text) IS
'What is not canonical about a purl, or null. Rules per type after the purl specification: case, _ in pypi names, order of qualifiers, needless escapes';
