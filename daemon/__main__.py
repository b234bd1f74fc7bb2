"""`python -m daemon` is `photond`.

The import is inside the guard because every spawned worker process imports its parent's main module again,
and a worker has no use for the command line.
"""

from __future__ import annotations

if __name__ == "__main__":
    from daemon.cli.main import main

    main()
