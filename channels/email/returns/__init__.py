"""What comes back of letters: `marks` puts a sealed number into the envelope sender, `reading` understands what
arrives at it (`reports` by the standards, `shapes` whatever else, `meaning` what a server's words say of the address),
`postbox` fetches it by IMAP.
"""
