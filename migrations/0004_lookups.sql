-- Files by digest, page by page: a digest as common as that of the empty file must not be sorted for each page.
-- depends: 0003_tokens

DROP INDEX artifactstore.artifact_files_blake3_idx;
CREATE INDEX artifact_files_blake3_file_id_idx ON artifactstore.artifact_files (blake3, file_id);
CREATE INDEX artifact_files_sha256_file_id_idx ON artifactstore.artifact_files (sha256, file_id) WHERE sha256 IS NOT NULL;
