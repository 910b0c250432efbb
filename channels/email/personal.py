"""A letter whose text says something else to each recipient. Pure."""

from dataclasses import replace

from channels.contract import Part, Post, Rendering
from channels.email.rendering import render
from channels.email.settings import Settings
from channels.markup import personal

__all__ = ["render_for_each"]


def render_for_each(post: Post, settings: Settings) -> Rendering:
    """Render a post that may have personal words. They stand in the part as an editor writes them, whole everywhere.

    While the letter is made, a single sign stands for each: nothing then cuts, links or formats a half of one.
    """
    shown, words = personal.marked(post)
    rendering = render(shown, settings)
    if words:
        rendering = replace(rendering, parts=tuple(_with_words(part, words) for part in rendering.parts))
    found = personal.problems(post, is_personal=True)
    return replace(rendering, problems=(*rendering.problems, *found)) if found else rendering


def _with_words(part: Part, words: personal.Words) -> Part:
    return replace(
        part,
        title=personal.unmarked(part.title, words),
        text=personal.unmarked(part.text, words),
        html=personal.unmarked(part.html, words, is_html=True),
    )
