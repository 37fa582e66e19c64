"""The spool's tables. What is told of a passage, or of an attempt, is JSON (`local.storage.serialization`): nobody asks SQLite about it."""

from typing import Final

VERSION: Final = 3
"""Of what follows: another number for each change of it."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS messages (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  received REAL NOT NULL,
  direction TEXT NOT NULL,
  mail_from TEXT NOT NULL,
  recipients TEXT NOT NULL,
  author TEXT NOT NULL,
  sender TEXT NOT NULL,
  subject TEXT NOT NULL,
  written_by TEXT NOT NULL,
  size INTEGER NOT NULL,
  token TEXT NOT NULL,
  search TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'accepted',
  rules TEXT NOT NULL DEFAULT '[]',
  places TEXT NOT NULL DEFAULT '[]',
  changed INTEGER NOT NULL DEFAULT 0,
  trouble INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS originals (
  number INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
  raw BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS passages (
  message_id TEXT PRIMARY KEY,
  number INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
  position INTEGER NOT NULL,
  state TEXT NOT NULL,
  told TEXT NOT NULL,
  leg TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS contents (
  message_id TEXT PRIMARY KEY REFERENCES passages ON DELETE CASCADE,
  raw BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS attempts (
  message_id TEXT NOT NULL REFERENCES passages ON DELETE CASCADE,
  number INTEGER NOT NULL,
  told TEXT NOT NULL,
  PRIMARY KEY (message_id, number));
CREATE TABLE IF NOT EXISTS came_of (
  message_id TEXT PRIMARY KEY,
  number INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS passages_of ON passages (number);
CREATE INDEX IF NOT EXISTS messages_open ON messages (state) WHERE state <> 'done';
"""
