"""What a letter is called that corrects an earlier one."""

from functools import lru_cache

from channels.email import templates

__all__ = ["correction_subject"]


@lru_cache(maxsize=16)
def correction_subject(subject: str) -> str:
    """Return the subject with the word that tells readers to forget the first letter, unless it says so already."""
    return templates.piece("correction.txt", subject=subject)
