"""The knowledge base: articles, search, and what is suggested on a ticket."""
