"""A store in a directory of this machine, or of a network that is mounted here.

::

    root/artifactstore.json          whose place it is
    root/<xx>/<id>                   an object, 0440
    root/tmp/<id>                    one that is being written: what a crash leaves is collected as an upload
    root/uploads/<id>-<random>/      parts of a large one, <number>.<sha256>

An object appears under its key by ``link``, whole and on the disk; its name is durable after ``settle``.
A root without artifactstore.json is one that is not mounted: nothing in it is missing, nothing is written.
"""

from artifactstore.stores.local.store import LocalStore

__all__ = ["LocalStore"]
