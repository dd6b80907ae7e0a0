"""Long work on the log and its views: each a function that tells its progress, without knowing who asked."""
