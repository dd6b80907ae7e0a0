-- purpose: ids for people who append from psql
-- called by: append_initialized, new_object_ids, begin_keeper_run, people in psql
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.new_id()
RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$
    -- RFC 9562 UUIDv7: 48 bits of ms, never of the next one, version 7; the rest from a random UUIDv4.
    -- (uuidv7() came with PostgreSQL 18.)
    SELECT encode(
        set_byte(
            set_byte(
                overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send(
                    floor(extract(EPOCH FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
                6, 112 | (get_byte(uuid_send(gen_random_uuid()), 6) & 15)
            ),
            8, 128 | (get_byte(uuid_send(gen_random_uuid()), 8) & 63)
        ), 'hex')::uuid
$$;

COMMENT ON FUNCTION artifactstore.new_id() IS 'A new UUIDv7, for packages, files, locations and holds';
