"""Pictures of the user's screen, taken in a child process that a hung display cannot outlive."""
