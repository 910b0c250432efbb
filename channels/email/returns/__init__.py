"""What comes back of letters: `reading` understands what arrives in the mailbox (`reports` by the standards, `shapes`
whatever else, `meaning` what a server's words say of the address), `postbox` fetches it by IMAP. Which letter it was,
`channels.email.marks` and the Message-ID tell.
"""
