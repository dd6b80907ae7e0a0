-- What stands beside the log names the event that it ends at: log, epoch and identity (a digest of the whole row).
-- depends: 0008_bytes

CREATE TYPE artifactstore.log_point AS (
    sequence bigint,
    log_id uuid,
    epoch_id uuid,
    identity bytea
);

COMMENT ON TYPE artifactstore.log_point IS 'A place in one history: an event (0: before the first) with its log, the epoch that it belongs to, and its identity; see point_at';

-- A digest of the payload stands for no event: two may have the same. Snapshots that have nothing else are refused.
ALTER TABLE artifactstore.view_sets DROP COLUMN head_digest;
ALTER TABLE artifactstore.view_sets ADD COLUMN epoch_id uuid, ADD COLUMN identity bytea;
COMMENT ON COLUMN artifactstore.view_sets.epoch_id IS 'Epoch of the log at that event; null for none';
COMMENT ON COLUMN artifactstore.view_sets.identity IS 'Identity of that event (event_identity); null for none';

-- One that an older version left does not say of which history it is; the next replay begins anew.
DROP TABLE IF EXISTS artifactstore_rebuild.progress;

ALTER TABLE artifactstore.home
    ADD COLUMN sequence bigint NOT NULL DEFAULT 0,
    ADD COLUMN log_id uuid,
    ADD COLUMN epoch_id uuid,
    ADD COLUMN identity bytea,
    ADD COLUMN noted_at timestamptz;
UPDATE artifactstore.home SET noted_at = since;
ALTER TABLE artifactstore.home ALTER COLUMN sequence DROP DEFAULT, ALTER COLUMN noted_at SET NOT NULL;
COMMENT ON COLUMN artifactstore.home.sequence IS 'Where the log stood when it came or was adopted: the log has this event, or lost it';
COMMENT ON COLUMN artifactstore.home.log_id IS 'Log that it was; null while it was empty';
COMMENT ON COLUMN artifactstore.home.epoch_id IS 'Epoch of the log at that event; null while it was empty';
COMMENT ON COLUMN artifactstore.home.identity IS 'Identity of that event (event_identity); null while the log was empty';
COMMENT ON COLUMN artifactstore.home.noted_at IS 'When that was';

DROP FUNCTION IF EXISTS artifactstore.begin_rebuild(text), artifactstore.restored(text, text),
    artifactstore.check_import(bigint, timestamptz[], text[], text[]),
    artifactstore.import_events(uuid, bytea, bigint, bigint, timestamptz[], text[], text[], uuid[], text[], bytea[], bytea[]);
