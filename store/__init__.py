"""What is remembered: catalog and queue (SQLite), vectors (Qdrant), thumbnails on disk, results of the models.

Knows no pixels and no model: vectors are float32 arrays, everything else is a fact about a file or an image.
SQLite is the only truth; vectors and thumbnails can be made again from it and from the originals.
"""
