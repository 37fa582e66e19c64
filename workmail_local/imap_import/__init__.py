"""Imports a zip file of WorkMail's mailbox export into an IMAP server: archive, plan, message, server, journal, run, report."""
