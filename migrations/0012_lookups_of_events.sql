-- Events by actor, by time, by package and by path: who asks for them must not wait until the whole log is decoded.
-- depends: 0011_purl_types

CREATE INDEX events_actor_sequence_idx ON artifactstore.events (actor, sequence);
CREATE INDEX events_created_at_idx ON artifactstore.events (created_at);
CREATE INDEX artifact_files_path_idx ON artifactstore.artifact_files (path);

-- All files of a package; also the removed ones alone, for which there was a partial index: the branches of a view
-- are searched by index only when they have no condition of their own.
CREATE INDEX artifact_files_package_id_removed_at_idx ON artifactstore.artifact_files (package_id, removed_at);
DROP INDEX artifactstore.artifact_files_package_id_idx;

-- For all_subjects: a package is its own subject, and a column cannot be searched by two equalities of one query
-- (PostgreSQL looks for an index for the first only), so the second one has another name for it.
CREATE UNIQUE INDEX artifact_packages_itself_key ON artifactstore.artifact_packages ((coalesce(package_id, package_id)));

-- Now project_sequences.
DROP FUNCTION IF EXISTS artifactstore.project_package(text, uuid, bigint, bigint[]);
