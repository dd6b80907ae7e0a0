"""A store in a bucket that speaks S3.

::

    <prefix>artifactstore.json       whose place it is
    <prefix><xx>/<id>                an object

Small objects go and come through obstore, which costs a fifth of boto3's CPU; what is S3's own (uploads in
parts, versions, locks, conditions) through boto3. Neither tries again: ``Patience`` does, once for both.
"""

from artifactstore.stores.s3.store import S3Store

__all__ = ["S3Store"]
