"""How events leave: memory of the newest ones, pages, and requests that wait."""
