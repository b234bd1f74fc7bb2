"""Pixels to meaning: decoding, EXIF, thumbnails, encoders, batching.

Knows no path of a library, no identifier and no database: it takes files and texts, and gives arrays and facts.
Importing this package imports neither torch nor Pillow, because decode workers start from here.
"""
