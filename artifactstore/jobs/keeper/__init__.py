"""The keeper: locks, removes, collects, checks and repairs copies in stores, one job of one store at a time.

``work`` is what all jobs get and give, ``run`` says which of them are due and keeps the notes of each. Order
everywhere: what is durable in a store comes first, the event about it second; what was interrupted is
repeated, and ends the same.
"""
