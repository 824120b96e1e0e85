"""The organisation: keys, people and fixes, signed on the administrator's machine."""
