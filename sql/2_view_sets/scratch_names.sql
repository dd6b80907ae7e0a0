-- purpose: the schemas of the scratch view sets
-- called by: take_scratch, scratch_sets
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.scratch_names()
RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT ARRAY['artifactstore_scratch_1', 'artifactstore_scratch_2', 'artifactstore_scratch_3',
        'artifactstore_scratch_4']
$$;

COMMENT ON FUNCTION artifactstore.scratch_names() IS
'Schemas of the scratch view sets: as many requests that fold a history anew run side by side';
