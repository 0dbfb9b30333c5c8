"""`python -m attune` is the `attune` command."""

from attune.cli.app import main

if __name__ == "__main__":
    main()
