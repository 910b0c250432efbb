"""What stands in the place of an announcement that was recalled and can no longer be removed."""

__all__ = ["RECALLED"]

RECALLED = "Объявление отозвано."
