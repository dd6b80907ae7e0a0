-- purpose: the objects that a store should hold, to be compared with what it lists
-- called by: role service (Store.objects.page)
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.object_page(p_backend text, p_after text, p_limit integer)
RETURNS TABLE (uri text, size bigint, blake3 bytea, sha256 bytea, live bigint, unretired bigint)
LANGUAGE sql STABLE
AS $$
    SELECT o.uri, f.size, f.blake3, f.sha256, o.live, o.unretired
    FROM (
        SELECT l.uri, count(*) FILTER (WHERE l.retiring_at IS NULL) AS live, count(*) AS unretired,
            (array_agg(l.file_id ORDER BY l.retiring_at NULLS FIRST, l.created_sequence, l.location_id))[1]
                AS file_id
        FROM artifactstore.storage_locations l
        WHERE l.backend = p_backend AND l.uri > coalesce(p_after, 'store:') AND l.uri < 'store;'
            AND l.retired_at IS NULL
        GROUP BY l.uri
        ORDER BY l.uri
        LIMIT p_limit
    ) o
    JOIN artifactstore.artifact_files f ON f.file_id = o.file_id
    ORDER BY o.uri
$$;

COMMENT ON FUNCTION artifactstore.object_page(text, text, integer) IS
'Objects of p_backend that unretired locations name, by URI in the order of bytes after p_after, at most '
'p_limit: size and digests of the file, and how many live (not retiring) and unretired locations there are';
