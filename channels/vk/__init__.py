"""The way out to the wall of a VK community.

`rendering` decides what a post becomes there, `uploads` brings its files to VK, `client` carries one token's calls in
a thread with time limits, `failures` says what a refusal means, `looking` finds out whether a doubtful post is there,
`changing` edits and deletes, `health` asks whether posting would work, `channel` joins them.
"""

from channels.vk.settings import Settings

__all__ = ["Settings"]
