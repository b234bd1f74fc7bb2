"""The vector index: Qdrant, embedded or on a server, behind one protocol."""
