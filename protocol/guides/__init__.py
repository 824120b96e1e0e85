"""The guides that ship with Relevo, one TOML file each; ``protocol.drivers.guides`` reads them."""
