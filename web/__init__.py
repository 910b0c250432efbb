"""The HTTP face: unsubscribe page, health, readiness."""
