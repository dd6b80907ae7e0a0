-- purpose: what the type of a purl asks of its namespace, name and version
-- called by: canonical_path
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.check_purl_parts(
    p_rules artifactstore.purl_types, p_namespace text, p_name text, p_version text
)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $$
DECLARE
    v_type pg_catalog.text := p_rules.type;
BEGIN
    IF p_rules.namespace = 'required' AND p_namespace = '' THEN
        PERFORM artifactstore.refuse_purl(
            format('type %s needs a namespace: pkg:%s/namespace/name', v_type, v_type), 'namespace');
    ELSIF p_rules.namespace = 'prohibited' AND p_namespace <> '' THEN
        PERFORM artifactstore.refuse_purl(
            format('type %s has no namespace (%s): pkg:%s/name', v_type, left(p_namespace, 100), v_type),
            'namespace');
    ELSIF cardinality(string_to_array(p_namespace, '/')) > p_rules.namespace_segments THEN
        PERFORM artifactstore.refuse_purl(format('the namespace of type %s has at most %s segments', v_type,
            p_rules.namespace_segments), 'namespace');
    ELSIF p_name !~ p_rules.name_characters THEN
        PERFORM artifactstore.refuse_purl(
            format('a name of type %s matches %s', v_type, p_rules.name_characters), 'name');
    ELSIF p_name ~ p_rules.name_forbids THEN
        PERFORM artifactstore.refuse_purl(format('a name of type %s does not have %s', v_type,
            quote_literal((regexp_match(p_name, p_rules.name_forbids))[1])), 'name');
    ELSIF p_version !~ p_rules.version_characters THEN
        PERFORM artifactstore.refuse_purl(
            format('a version of type %s matches %s', v_type, p_rules.version_characters), 'version');
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.check_purl_parts(artifactstore.purl_types, text, text, text) IS
'Refuses (invalid-purl) canonical parts that the type does not allow';
