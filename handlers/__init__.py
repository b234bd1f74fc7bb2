"""What happens when a file changes: from an event or a scan, through a durable queue, to an indexed photo."""
