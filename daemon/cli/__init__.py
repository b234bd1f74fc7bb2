"""The command line: one module a command, thin over the daemon's HTTP API."""
