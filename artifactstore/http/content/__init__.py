"""Bytes over HTTP: content that leaves, verified, and content that comes, hashed as it comes."""
