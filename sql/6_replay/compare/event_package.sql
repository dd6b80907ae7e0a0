-- purpose: which package an event is about, from its row
-- called by: sample_packages, check_packages
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.event_package(p_event artifactstore.events)
RETURNS uuid
LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN p_event.subject_kind IN ('package', 'retention') THEN p_event.subject_id
        ELSE (artifactstore.cbor_decode(p_event.payload) ->> 'package_id')::uuid END
$$;

COMMENT ON FUNCTION artifactstore.event_package(artifactstore.events) IS
'Package that an event of any kind but system is about';
