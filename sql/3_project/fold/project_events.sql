-- purpose: which projector applies which type, generated from artifactstore/events/models.py
-- called by: fold, fold_waves
-- writes: the views, through projectors
CREATE OR REPLACE FUNCTION artifactstore.project_events(
    p_event_type text, p_events artifactstore.decoded_event[]
)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    CASE p_event_type
        WHEN 'v1.file.ingested' THEN PERFORM artifactstore.project_file_ingested(p_events);
        WHEN 'v1.storage.registered' THEN PERFORM artifactstore.project_storage_registered(p_events);
        WHEN 'v1.storage.verified' THEN PERFORM artifactstore.project_storage_verified(p_events);
        WHEN 'v1.storage.failed' THEN PERFORM artifactstore.project_storage_failed(p_events);
        WHEN 'v1.storage.retiring' THEN PERFORM artifactstore.project_storage_retiring(p_events);
        WHEN 'v1.storage.retired' THEN PERFORM artifactstore.project_storage_retired(p_events);
        WHEN 'v1.package.created' THEN PERFORM artifactstore.project_package_created(p_events);
        WHEN 'v1.package.labeled' THEN PERFORM artifactstore.project_package_labeled(p_events);
        WHEN 'v1.package.sealed' THEN PERFORM artifactstore.project_package_sealed(p_events);
        WHEN 'v1.package.yanked' THEN PERFORM artifactstore.project_package_yanked(p_events);
        WHEN 'v1.package.unyanked' THEN PERFORM artifactstore.project_package_yanked(p_events);
        WHEN 'v1.package.deleted' THEN PERFORM artifactstore.project_package_deleted(p_events);
        WHEN 'v1.package.restored' THEN PERFORM artifactstore.project_package_restored(p_events);
        WHEN 'v1.package.purged' THEN PERFORM artifactstore.project_package_purged(p_events);
        WHEN 'v1.file.removed' THEN PERFORM artifactstore.project_file_removed(p_events);
        WHEN 'v1.retention.applied' THEN PERFORM artifactstore.project_retention_applied(p_events);
        WHEN 'v1.retention.extended' THEN PERFORM artifactstore.project_retention_extended(p_events);
        WHEN 'v1.retention.escalated' THEN PERFORM artifactstore.project_retention_escalated(p_events);
        WHEN 'v1.retention.shortened' THEN PERFORM artifactstore.project_retention_shortened(p_events);
        WHEN 'v1.retention.hold_placed' THEN PERFORM artifactstore.project_hold_placed(p_events);
        WHEN 'v1.retention.hold_released' THEN PERFORM artifactstore.project_hold_released(p_events);
        WHEN 'v1.system.initialized' THEN PERFORM artifactstore.project_system_initialized(p_events);
        WHEN 'v1.system.restored' THEN PERFORM artifactstore.project_system_restored(p_events);
        WHEN 'v1.system.token_issued' THEN PERFORM artifactstore.project_system_token(p_events);
        WHEN 'v1.system.token_revoked' THEN PERFORM artifactstore.project_system_token(p_events);
        WHEN 'v1.system.policies_set' THEN PERFORM artifactstore.project_system_policies_set(p_events);
        ELSE
            PERFORM artifactstore.refuse_event(p_events, p_events[1].sequence, 'unknown-event-type');
    END CASE;
END
$$;

COMMENT ON FUNCTION artifactstore.project_events(text, artifactstore.decoded_event[]) IS
'Calls the projector of p_event_type with events of that type; an unknown type stops, never skips';
