"""Parsing and editing of messages as bytes. Independent of policies and of AWS."""
