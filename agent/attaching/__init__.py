"""Files that the user puts on a ticket: looked at, redacted, shown, sealed; and those that come back."""
