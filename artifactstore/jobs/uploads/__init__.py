"""Putting the bytes of files into stores: durable first, then told to whoever appends.

``keeping`` is the way of all files, ``large`` that of one which goes in parts, ``unfinished`` remembers on
disk what was begun, ``budget`` bounds the memory. Nothing here appends.
"""
