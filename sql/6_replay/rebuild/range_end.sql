-- purpose: bound a range by events and by bytes, so that memory stays flat
-- called by: project_ranges, rebuild_next
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.range_end(p_first bigint, p_last bigint)
RETURNS bigint
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(max(e.sequence) FILTER (WHERE e.bytes <= 33554432), p_first)
    FROM (
        SELECT e.sequence, sum(octet_length(e.payload)) OVER (ORDER BY e.sequence) AS bytes
        FROM artifactstore.events e
        WHERE e.sequence BETWEEN p_first AND least(p_first + 9999, p_last)
    ) e
$$;

COMMENT ON FUNCTION artifactstore.range_end(bigint, bigint) IS
'Last sequence of a range from p_first: at most 10,000 events and 32 MiB of payload, at least one event';
