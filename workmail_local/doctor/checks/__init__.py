"""Checks by subject. Each is a generator of findings; an error of a call ends only that check."""
