"""The process: configuration, command line, wiring, supervision, staged shutdown, logs, service manager."""
