"""The process: configuration, command line, wiring, supervision, staged shutdown, logs and the service manager."""
