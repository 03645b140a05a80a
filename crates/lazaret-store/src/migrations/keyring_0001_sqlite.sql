-- The keyring: its own file, its own backup life. Nothing here is derived from the ledger.
CREATE TABLE kek (purpose INTEGER NOT NULL, epoch INTEGER NOT NULL, row BLOB NOT NULL, PRIMARY KEY (purpose, epoch)) STRICT;
CREATE TABLE wrapped (id BLOB NOT NULL, purpose INTEGER NOT NULL, row BLOB NOT NULL, PRIMARY KEY (id, purpose)) STRICT;
CREATE TABLE secret (name TEXT PRIMARY KEY, row BLOB NOT NULL) STRICT;
