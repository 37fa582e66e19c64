"""WorkMail on a laptop: the Message Flow API, S3, delivery and mailboxes. For developers; never deployed.

Start at `local.workmail` (all servers in one `with` line) or, for the commands, at `local.cli.parser`. Nothing is imported here, so that
`python -m local --help` answers at once.
"""
