"""The command line: `app` runs one of the commands that `commands` lists."""
