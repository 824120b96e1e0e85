"""The root helper: a process of its own, without network, that believes nobody and runs approved fixes as root."""
