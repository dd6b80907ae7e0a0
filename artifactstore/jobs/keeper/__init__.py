"""The keeper: locks, removes, collects, checks, repairs and replicates copies in stores, job by job.

``work`` is what all jobs get and give, ``run`` says which of them are due and keeps the notes of each. Order
everywhere: what is durable in a store comes first, the event about it second; what was interrupted is
repeated, and ends the same.
"""
