"""Models that give photos and texts vectors in one space."""
