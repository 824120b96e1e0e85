"""Thin I/O that both ends of Relevo need (docs/adr/0002): the only room of ``protocol`` with I/O."""
