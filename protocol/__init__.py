"""What the parts of Relevo say to each other, as types, rules and signatures. No I/O but in ``drivers``."""

VERSION = "0.1.0"
"""Of the distribution; pyproject.toml reads it from here."""
