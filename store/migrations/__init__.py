"""Schema migrations, run at start by `store.migrate`."""
