-- purpose: which projector applies which type, generated from artifactstore/events/models.py
-- called by: fold, fold_waves
-- writes: the views, through projectors
CREATE OR REPLACE FUNCTION artifactstore.project_events(
    p_event_type text, p_events artifactstore.decoded_event[]
)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_done boolean;
BEGIN
    -- An assignment is no statement that has to be started, as PERFORM is.
    CASE p_event_type
        WHEN 'v1.file.ingested' THEN v_done := artifactstore.project_file_ingested(p_events) IS NULL;
        WHEN 'v1.storage.registered' THEN
            v_done := artifactstore.project_storage_registered(p_events) IS NULL;
        WHEN 'v1.storage.verified' THEN v_done := artifactstore.project_storage_verified(p_events) IS NULL;
        WHEN 'v1.storage.failed' THEN v_done := artifactstore.project_storage_failed(p_events) IS NULL;
        WHEN 'v1.storage.retiring' THEN v_done := artifactstore.project_storage_retiring(p_events) IS NULL;
        WHEN 'v1.storage.retired' THEN v_done := artifactstore.project_storage_retired(p_events) IS NULL;
        WHEN 'v1.package.created' THEN v_done := artifactstore.project_package_created(p_events) IS NULL;
        WHEN 'v1.package.labeled' THEN v_done := artifactstore.project_package_labeled(p_events) IS NULL;
        WHEN 'v1.package.sealed' THEN v_done := artifactstore.project_package_sealed(p_events) IS NULL;
        WHEN 'v1.package.yanked' THEN v_done := artifactstore.project_package_yanked(p_events) IS NULL;
        WHEN 'v1.package.unyanked' THEN v_done := artifactstore.project_package_yanked(p_events) IS NULL;
        WHEN 'v1.package.deleted' THEN v_done := artifactstore.project_package_deleted(p_events) IS NULL;
        WHEN 'v1.package.restored' THEN v_done := artifactstore.project_package_restored(p_events) IS NULL;
        WHEN 'v1.package.purged' THEN v_done := artifactstore.project_package_purged(p_events) IS NULL;
        WHEN 'v1.file.removed' THEN v_done := artifactstore.project_file_removed(p_events) IS NULL;
        WHEN 'v1.retention.applied' THEN v_done := artifactstore.project_retention_applied(p_events) IS NULL;
        WHEN 'v1.retention.extended' THEN
            v_done := artifactstore.project_retention_extended(p_events) IS NULL;
        WHEN 'v1.retention.escalated' THEN
            v_done := artifactstore.project_retention_escalated(p_events) IS NULL;
        WHEN 'v1.retention.shortened' THEN
            v_done := artifactstore.project_retention_shortened(p_events) IS NULL;
        WHEN 'v1.retention.hold_placed' THEN v_done := artifactstore.project_hold_placed(p_events) IS NULL;
        WHEN 'v1.retention.hold_released' THEN
            v_done := artifactstore.project_hold_released(p_events) IS NULL;
        WHEN 'v1.system.initialized' THEN
            v_done := artifactstore.project_system_initialized(p_events) IS NULL;
        WHEN 'v1.system.restored' THEN v_done := artifactstore.project_system_restored(p_events) IS NULL;
        WHEN 'v1.system.token_issued' THEN v_done := artifactstore.project_system_token(p_events) IS NULL;
        WHEN 'v1.system.token_revoked' THEN v_done := artifactstore.project_system_token(p_events) IS NULL;
        WHEN 'v1.system.policies_set' THEN
            v_done := artifactstore.project_system_policies_set(p_events) IS NULL;
        ELSE
            PERFORM artifactstore.refuse_event(p_events, p_events[1].sequence, 'unknown-event-type');
    END CASE;
END
$$;

COMMENT ON FUNCTION artifactstore.project_events(text, artifactstore.decoded_event[]) IS
'Calls the projector of p_event_type with events of that type; an unknown type stops, never skips';
