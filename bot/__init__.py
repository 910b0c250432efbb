"""The Telegram face, the command line, and the wiring."""
