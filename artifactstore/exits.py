"""Exit codes of the command line, and what each means: said here alone."""

EXIT_OK = 0
EXIT_DIFFERENCES = 1
EXIT_BAD_INPUT = 2
EXIT_REFUSED = 3
EXIT_NOT_FOUND = 4
EXIT_RETRY = 5
EXIT_DAMAGED = 6
EXIT_FORBIDDEN = 7
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130
EXIT_PIPE = 141

EXITS = {
    EXIT_OK: "done",
    EXIT_DIFFERENCES: "verify found differences, or a check found a copy bad",
    EXIT_BAD_INPUT: "the command, a value, a file or an address cannot be used",
    EXIT_REFUSED: "the state of the log does not allow it; nothing was appended",
    EXIT_NOT_FOUND: "no such package, file, location or hold",
    EXIT_RETRY: "the log is busy, what it takes cannot be reached or has no room: retry",
    EXIT_DAMAGED: "the log, an export of it, or a content is damaged",
    EXIT_FORBIDDEN: "the login or the database role may not do it",
    EXIT_INTERNAL: "a defect of this program or its database",
    EXIT_INTERRUPTED: "interrupted",
    EXIT_PIPE: "the reader of the output went away",
}
"""As --help and the reference tell them."""
