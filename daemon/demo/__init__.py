"""`photond demo`: the daemon on an empty folder, real photos dropped into it, and what can be found then."""
