"""How a command comes into the log: what it asks for, and the group that it is committed with."""
