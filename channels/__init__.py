"""The ways out: each takes one Post to one Recipient and says what came of it."""
