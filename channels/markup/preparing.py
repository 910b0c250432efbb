"""The first step of every rendering: what an editor wrote becomes what channels are to show."""

from dataclasses import replace

from channels.contract import Post
from channels.markup.cleaning import normalised
from channels.markup.typography import typeset

__all__ = ["can_be_typeset", "prepared"]


def prepared(post: Post) -> Post:
    """Return a post as all channels show it: cleaned, its entities able to stand together, typeset where wanted."""
    title, _ = normalised(post.title)
    text, entities = normalised(post.text, post.entities)
    if post.typography:
        title, text = typeset(title), typeset(text, entities)
    return replace(post, title=title, text=text, entities=entities)


def can_be_typeset(post: Post) -> bool:
    """Tell whether typography would change anything that readers see."""
    typed, typeset_ = (prepared(replace(post, typography=wanted)) for wanted in (False, True))
    return (typed.title, typed.text) != (typeset_.title, typeset_.text)
