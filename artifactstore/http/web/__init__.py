"""What every request and answer has: connections, headers, values, errors, what is measured."""
