"""Stores: places that keep bytes under keys. Which bytes, whose and how long is in the log, not here.

``base`` says what a store does, ``config`` reads ``stores.toml``, ``opening`` opens what it names. Nothing
in this folder knows the database.
"""
