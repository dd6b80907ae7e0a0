"""``python -m artifactstore``."""

from artifactstore.cli import main

main()
