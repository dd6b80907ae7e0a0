-- Bytes belong to (backend, uri): who else names them is asked before they are given up.
-- depends: 0007_append_commands

-- Not partial: whether bytes were ever named will be asked, too. No column of it ever changes, so updates stay HOT.
CREATE INDEX storage_locations_backend_uri_idx ON artifactstore.storage_locations (backend, uri);

COMMENT ON COLUMN artifactstore.artifact_files.state IS 'From its locations: any verified → verified; any registered, or none ever known → ingested; else, also when all are retired, corrupted. Or removed, purged';
