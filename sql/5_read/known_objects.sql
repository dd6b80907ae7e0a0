-- purpose: objects of a store that hold what somebody is about to upload
-- called by: role service (Store.objects.known)
-- writes: nothing
--
-- Best effort: the log refuses what is being removed by the time it is named. A digest may be that of a
-- hundred thousand files, such as the empty one: the newest are looked at.
CREATE OR REPLACE FUNCTION artifactstore.known_objects(p_backend text, p_blake3 bytea[], p_sizes bigint[])
RETURNS TABLE (ordinal integer, uri text)
LANGUAGE sql STABLE
SET search_path = artifactstore, pg_temp
SET enable_seqscan = off -- by index, also where it is planned while the tables are small
AS $$
    SELECT w.ordinal::integer, o.uri
    FROM unnest(p_blake3, p_sizes) WITH ORDINALITY AS w (blake3, size, ordinal)
    CROSS JOIN LATERAL (
        SELECT l.uri
        FROM (
            SELECT f.file_id, f.size FROM artifactstore.artifact_files f
            WHERE f.blake3 = w.blake3 ORDER BY f.file_id DESC LIMIT 1000) f
        JOIN artifactstore.storage_locations l ON l.file_id = f.file_id
        WHERE f.size = w.size AND l.backend = p_backend AND l.retired_at IS NULL
            AND l.state IN ('registered', 'verified')
            -- Not LIKE: all objects of the store would be searched by it, rather than those of the file.
            AND left(l.uri, 6) = 'store:'
            -- Bytes that were found bad under one name are bad under each.
            AND NOT EXISTS (
                SELECT FROM artifactstore.storage_locations b
                WHERE b.backend = l.backend AND b.uri = l.uri AND b.retired_at IS NULL AND b.state = 'failed')
        LIMIT 1) o
    ORDER BY w.ordinal
$$;

COMMENT ON FUNCTION artifactstore.known_objects(text, bytea[], bigint[]) IS
'Per BLAKE3 and size (arrays of equal length) that a registered or verified copy in p_backend has: ordinal '
'(from 1) and the URI of that object; none for the others';
