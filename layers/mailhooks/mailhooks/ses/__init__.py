"""Applies a policy to the mail that Amazon SES receives, and passes it on to the next mailbox host."""
