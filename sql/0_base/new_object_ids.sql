-- purpose: ids for objects of stores: each is the key of one object, once
-- called by: roles writer and service (Store.objects.new_keys)
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.new_object_ids(p_count integer)
RETURNS uuid[]
LANGUAGE plpgsql VOLATILE PARALLEL SAFE
SET search_path = artifactstore, pg_temp
AS $$
DECLARE
    c_limit CONSTANT integer := 10000;
BEGIN
    IF (p_count BETWEEN 1 AND c_limit) IS NOT TRUE THEN
        PERFORM artifactstore.refuse('too-large', jsonb_build_object(
            'problem', format('%s ids; 1 to %s are made at once', p_count, c_limit), 'limit', c_limit));
    END IF;
    RETURN ARRAY(SELECT artifactstore.new_id() FROM generate_series(1, p_count));
END
$$;

COMMENT ON FUNCTION artifactstore.new_object_ids(integer) IS
'New UUIDv7 by the clock of the database, 1 to 10,000: object_time reads from an id when it was made';
