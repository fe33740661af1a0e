"""`python -m streams.program` is `redstream`."""

from streams.program.cli import main

main()
