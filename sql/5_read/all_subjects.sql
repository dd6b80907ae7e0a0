-- purpose: which package, and which file, the subject of an event belongs to, without decoding the event
-- called by: audit_events, package_history, Store.events
-- writes: nothing
--
-- Searched by index from either end, which needs two things. No branch has a WHERE: PostgreSQL would make a
-- subquery of it and read it whole. And no branch gives one column twice: it would be searched by one of the
-- two only, so that package_id of a package is an expression, that of the index artifact_packages_itself_key.
CREATE VIEW artifactstore.all_subjects AS
SELECT 'package'::text COLLATE "C" AS subject_kind, p.package_id AS subject_id,
    coalesce(p.package_id, p.package_id) AS package_id, NULL::uuid AS file_id
FROM artifactstore.artifact_packages p
UNION ALL
SELECT 'retention'::text COLLATE "C", p.package_id, coalesce(p.package_id, p.package_id), NULL::uuid
FROM artifactstore.artifact_packages p
UNION ALL
SELECT 'file'::text COLLATE "C", f.file_id, f.package_id, f.file_id
FROM artifactstore.artifact_files f
UNION ALL
SELECT 'storage'::text COLLATE "C", l.location_id, l.package_id, l.file_id
FROM artifactstore.storage_locations l;

COMMENT ON VIEW artifactstore.all_subjects IS
'What events can be about: every package, its retention, its files and their locations, once each';
COMMENT ON COLUMN artifactstore.all_subjects.subject_kind IS
'As in events: package, retention, file or storage';
COMMENT ON COLUMN artifactstore.all_subjects.subject_id IS 'As in events';
COMMENT ON COLUMN artifactstore.all_subjects.package_id IS 'Package that it belongs to';
COMMENT ON COLUMN artifactstore.all_subjects.file_id IS
'File that it is, or is a copy of; null for a package and its retention';
