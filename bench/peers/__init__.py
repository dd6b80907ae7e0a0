"""Other event stores on PostgreSQL, installed from their registries, on the same server in the same run."""
