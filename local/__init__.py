"""WorkMail on a laptop: the Message Flow API, S3, flow rules, functions and mailboxes. For development; never deployed.

Start at `local.workmail` (all servers in one `with` statement), or at `local.cli.options` for the commands. Nothing is imported here, so
that `python -m local --help` answers at once.
"""
