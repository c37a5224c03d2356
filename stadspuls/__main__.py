"""`python -m stadspuls` is the `stadspuls` command."""

from stadspuls.command import main

main()
