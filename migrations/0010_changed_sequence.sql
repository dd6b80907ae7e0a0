-- Rows that events of other subjects change tell which event changed them last; replays say whether the views were
-- doubted before.
-- depends: 0009_points

ALTER TABLE artifactstore.artifact_files ADD COLUMN changed_sequence bigint NOT NULL DEFAULT 0;
ALTER TABLE artifactstore.artifact_files ALTER COLUMN changed_sequence DROP DEFAULT;
ALTER TABLE artifactstore.storage_locations ADD COLUMN changed_sequence bigint NOT NULL DEFAULT 0;
ALTER TABLE artifactstore.storage_locations ALTER COLUMN changed_sequence DROP DEFAULT;

COMMENT ON COLUMN artifactstore.artifact_files.changed_sequence IS 'Latest event that changed anything in this row, whatever its subject: the version of the row';
COMMENT ON COLUMN artifactstore.storage_locations.changed_sequence IS 'Latest event that changed anything in this row, whatever its subject: the version of the row';

-- Until the replay that follows: right for most rows, so that it has few to mend.
SELECT set_config('artifactstore.projecting', 'on', true);
UPDATE artifactstore.artifact_files SET changed_sequence = last_sequence;
UPDATE artifactstore.storage_locations SET changed_sequence = last_sequence;
SELECT set_config('artifactstore.projecting', 'off', true);

DROP FUNCTION IF EXISTS artifactstore.replay(text), artifactstore.last_sequence(text, uuid);
