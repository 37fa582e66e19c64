"""Exports all mailboxes of a WorkMail organization to S3: a plan, a manifest, export jobs, and the verification of their files.

Guide, "Exporting mailbox content". `function` is the Lambda function; the state machine in export/ calls its tasks.
"""
