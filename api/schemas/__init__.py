"""What is answered: pydantic models, made from the catalog's records, one noun a module.

Times are RFC 3339 in UTC. `taken_at` alone is as the camera wrote it, with an offset only if the file has
one.
"""
