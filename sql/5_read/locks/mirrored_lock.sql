-- purpose: the one rule by which retention becomes the lock of an object
-- called by: desired_locks
-- writes: nothing
--
-- A hold bridges governance that outlasts compliance: as compliance it could never be taken back.
CREATE OR REPLACE FUNCTION artifactstore.mirrored_lock(
    p_compliance timestamptz, p_governance timestamptz, p_hold boolean
)
RETURNS TABLE (mode text, until timestamptz, hold boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
            WHEN s.compliance IS NOT NULL THEN 'compliance'
            WHEN s.governance IS NOT NULL THEN 'governance' END,
        artifactstore.from_micros(coalesce(s.compliance, s.governance) * 1000000),
        coalesce(p_hold, false) OR coalesce(s.governance > s.compliance, false)
    FROM (
        -- Stores know whole seconds: the next one.
        SELECT (artifactstore.to_micros(p_compliance) + 999999) / 1000000 AS compliance,
            (artifactstore.to_micros(p_governance) + 999999) / 1000000 AS governance) s
$$;

COMMENT ON FUNCTION artifactstore.mirrored_lock(timestamptz, timestamptz, boolean) IS
'How an object is to be locked: mode and until of its retention (null: none), rounded up to the second, and '
'whether a legal hold is on. p_compliance, p_governance: the latest end of each over the packages that need '
'the object, null if none is in force; p_hold: whether any of these is held';
