"""The `attune` command: one file per subcommand, `app` ties them together."""
