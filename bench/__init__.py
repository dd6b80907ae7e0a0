"""Measurements of artifactstore against a real server: ``scripts/bench --help``."""
