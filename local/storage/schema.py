"""The tables of the spool. Rule runs, jobs and attempts are JSON (`local.storage.serialization`), because no query reads into them."""

from typing import Final

VERSION: Final = 4
"""Changes with each change of the tables or of the JSON in them."""

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
  from_text TEXT NOT NULL,
  size INTEGER NOT NULL,
  token TEXT NOT NULL,
  search TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'accepted',
  rules TEXT NOT NULL DEFAULT '[]',
  destinations TEXT NOT NULL DEFAULT '[]',
  changed INTEGER NOT NULL DEFAULT 0,
  has_problems INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS originals (
  number INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
  raw BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
  message_id TEXT PRIMARY KEY,
  number INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
  position INTEGER NOT NULL,
  state TEXT NOT NULL,
  run TEXT NOT NULL,
  details TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS contents (
  message_id TEXT PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
  raw BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS attempts (
  message_id TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
  number INTEGER NOT NULL,
  attempt TEXT NOT NULL,
  PRIMARY KEY (message_id, number));
CREATE TABLE IF NOT EXISTS created_messages (
  message_id TEXT PRIMARY KEY,
  number INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_of_message ON jobs (number);
CREATE INDEX IF NOT EXISTS messages_open ON messages (state) WHERE state <> 'done';
"""
