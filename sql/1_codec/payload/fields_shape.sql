-- purpose: the catalogue's fields as decode_fields wants them: without documentation, required ones counted
-- called by: event_types, itself
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.fields_shape(p_fields jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'required', count(*) FILTER (WHERE f.value -> 'required' = 'true'),
            'fields', coalesce(jsonb_object_agg(f.key, CASE WHEN f.value ? 'fields'
                THEN (f.value - 'doc') || artifactstore.fields_shape(f.value -> 'fields')
                    || jsonb_build_object('needed', f.value -> 'required')
                ELSE (f.value - '{doc,required}'::text[])
                    || jsonb_build_object('needed', f.value -> 'required')
                END), '{}'))
        FROM jsonb_each(p_fields) f);
END
$$;

COMMENT ON FUNCTION artifactstore.fields_shape(jsonb) IS
'event_types.fields as event_types.shape: {required: how many, fields: name → {type, needed, bounds}}';
