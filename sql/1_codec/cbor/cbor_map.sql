-- purpose: a CBOR map from its encoded pairs
-- called by: cbor_encode_object, cbor_encode_map
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.cbor_map(p_pairs bytea[])
RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    v_pair pg_catalog.bytea;
    v_before pg_catalog.bytea := '';
    v_body pg_catalog.bytea := '';
BEGIN
    -- No encoded text begins with another, so pairs with different keys sort as their keys do.
    FOREACH v_pair IN ARRAY p_pairs LOOP
        IF v_pair < v_before THEN
            SELECT string_agg(p.pair, ''::bytea ORDER BY p.pair) INTO v_body
            FROM unnest(p_pairs) AS p (pair);
            EXIT;
        END IF;
        v_body := v_body || v_pair;
        v_before := v_pair;
    END LOOP;
    RETURN artifactstore.cbor_head(5, cardinality(p_pairs)) || v_body;
END
$$;

COMMENT ON FUNCTION artifactstore.cbor_map(bytea[]) IS
'Canonical CBOR map of pairs (encoded key and value) with different keys, in any order';
