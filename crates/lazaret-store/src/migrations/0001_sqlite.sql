-- The ledger's entries and head. Everything under "registers" is their fold; everything under "side" is not.
CREATE TABLE entry (
  epoch INTEGER NOT NULL, idx INTEGER NOT NULL, kind TEXT NOT NULL, subject BLOB NOT NULL, seq INTEGER NOT NULL,
  t INTEGER NOT NULL, bytes BLOB NOT NULL, leaf BLOB NOT NULL,
  PRIMARY KEY (epoch, idx), UNIQUE (subject, seq)
) STRICT;
CREATE TABLE head (
  one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL, size INTEGER NOT NULL, t INTEGER NOT NULL
) STRICT;

-- registers
CREATE TABLE party (id BLOB PRIMARY KEY, kind INTEGER NOT NULL, state INTEGER NOT NULL, t INTEGER NOT NULL) STRICT;
CREATE TABLE engagement (id BLOB PRIMARY KEY, party BLOB NOT NULL REFERENCES party (id), ends INTEGER) STRICT;
CREATE TABLE reliance (
  from_engagement BLOB NOT NULL REFERENCES engagement (id), to_engagement BLOB NOT NULL REFERENCES engagement (id),
  share_permille INTEGER NOT NULL, PRIMARY KEY (from_engagement, to_engagement)
) STRICT;
CREATE TABLE product (id BLOB PRIMARY KEY, party BLOB NOT NULL REFERENCES party (id)) STRICT;
CREATE TABLE person (id BLOB PRIMARY KEY, side INTEGER NOT NULL, party BLOB REFERENCES party (id), standing INTEGER NOT NULL) STRICT;
CREATE TABLE agreement (
  id BLOB PRIMARY KEY, engagement BLOB NOT NULL REFERENCES engagement (id), kind INTEGER NOT NULL,
  effective INTEGER NOT NULL, expires INTEGER
) STRICT;
CREATE INDEX agreement_engagement ON agreement (engagement);
CREATE TABLE lane (
  id BLOB PRIMARY KEY, agreement BLOB NOT NULL REFERENCES agreement (id), name TEXT NOT NULL UNIQUE,
  direction INTEGER NOT NULL, is_open INTEGER NOT NULL, terms BLOB NOT NULL
) STRICT;
CREATE INDEX lane_agreement ON lane (agreement);
CREATE TABLE vetting (
  id BLOB PRIMARY KEY, party BLOB NOT NULL REFERENCES party (id), outcome INTEGER NOT NULL, valid_until INTEGER NOT NULL,
  t INTEGER NOT NULL, epoch INTEGER NOT NULL, idx INTEGER NOT NULL
) STRICT;
CREATE INDEX vetting_party ON vetting (party, epoch, idx);
CREATE TABLE role_grant (
  person BLOB NOT NULL REFERENCES person (id), role INTEGER NOT NULL, until INTEGER, PRIMARY KEY (person, role)
) STRICT;
CREATE INDEX role_grant_role ON role_grant (role);
CREATE TABLE founded (one INTEGER PRIMARY KEY CHECK (one = 1), t INTEGER NOT NULL) STRICT;
CREATE TABLE credential (
  id BLOB PRIMARY KEY, kind INTEGER NOT NULL, person BLOB, party BLOB, valid_from INTEGER NOT NULL, valid_until INTEGER,
  asked_by BLOB, invited_by BLOB, added_by BLOB NOT NULL, revoked INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX credential_asked_by ON credential (asked_by);
CREATE INDEX credential_person ON credential (person);
CREATE INDEX credential_party ON credential (party);
CREATE TABLE isolation (id BLOB PRIMARY KEY, party BLOB NOT NULL REFERENCES party (id), opened INTEGER NOT NULL, lifted INTEGER) STRICT;
CREATE INDEX isolation_party ON isolation (party, lifted);
CREATE TABLE rule_set (
  idx INTEGER NOT NULL, kind INTEGER NOT NULL, digest BLOB NOT NULL, request BLOB, t INTEGER NOT NULL
) STRICT;
CREATE TABLE transfer (
  id BLOB PRIMARY KEY, reference INTEGER NOT NULL UNIQUE, object BLOB NOT NULL UNIQUE, direction INTEGER NOT NULL,
  lane BLOB NOT NULL REFERENCES lane (id), party BLOB NOT NULL REFERENCES party (id), requester BLOB NOT NULL,
  channel INTEGER NOT NULL, kind INTEGER NOT NULL, content BLOB NOT NULL, manifest BLOB NOT NULL, version INTEGER NOT NULL,
  credential BLOB, inspectors BLOB NOT NULL, stage INTEGER NOT NULL, since INTEGER NOT NULL, arrived INTEGER NOT NULL, delivery BLOB,
  epoch INTEGER NOT NULL, idx INTEGER NOT NULL
) STRICT;
CREATE INDEX transfer_stage ON transfer (stage, since);
CREATE INDEX transfer_party ON transfer (party, arrived);
CREATE INDEX transfer_lane ON transfer (lane, stage, arrived);
CREATE INDEX transfer_arrived ON transfer (arrived);
CREATE TABLE inspected (
  transfer BLOB PRIMARY KEY REFERENCES transfer (id), content BLOB NOT NULL, evidence BLOB NOT NULL,
  content_kind INTEGER NOT NULL, phi INTEGER NOT NULL, is_code INTEGER NOT NULL, signature INTEGER NOT NULL,
  other_bad INTEGER NOT NULL, integrity_ok INTEGER NOT NULL, rules BLOB NOT NULL, verdicts BLOB NOT NULL, t INTEGER NOT NULL
) STRICT;
CREATE TABLE ruling (
  transfer BLOB PRIMARY KEY REFERENCES transfer (id), outcome INTEGER NOT NULL, rules BLOB NOT NULL, policy BLOB NOT NULL,
  dossier BLOB NOT NULL, binding BLOB NOT NULL, request BLOB, stage INTEGER NOT NULL, t INTEGER NOT NULL
) STRICT;
CREATE TABLE request (
  id BLOB PRIMARY KEY, act INTEGER NOT NULL, subject BLOB NOT NULL, requester BLOB NOT NULL, binding BLOB NOT NULL,
  required INTEGER NOT NULL, groups BLOB NOT NULL, until INTEGER NOT NULL, state INTEGER NOT NULL, opened INTEGER NOT NULL,
  epoch INTEGER NOT NULL, idx INTEGER NOT NULL
) STRICT;
CREATE INDEX request_state ON request (state, epoch, idx);
CREATE INDEX request_subject ON request (subject);
CREATE TABLE approval (
  request BLOB NOT NULL REFERENCES request (id), person BLOB NOT NULL, approver_group INTEGER NOT NULL, approves INTEGER NOT NULL,
  binding BLOB NOT NULL, means INTEGER NOT NULL, credential BLOB NOT NULL, reason BLOB, t INTEGER NOT NULL, idx INTEGER NOT NULL,
  PRIMARY KEY (request, idx)
) STRICT;
CREATE INDEX approval_person ON approval (person, idx);
CREATE TABLE delivery (
  id BLOB PRIMARY KEY, transfer BLOB NOT NULL REFERENCES transfer (id), attempt INTEGER NOT NULL, recipient BLOB,
  state INTEGER NOT NULL, t INTEGER NOT NULL
) STRICT;
CREATE TABLE epoch (epoch INTEGER PRIMARY KEY, gate BLOB NOT NULL, previous BLOB, reason INTEGER NOT NULL, t INTEGER NOT NULL) STRICT;
CREATE TABLE kek_epoch (purpose INTEGER NOT NULL, epoch INTEGER NOT NULL, t INTEGER NOT NULL, PRIMARY KEY (purpose, epoch)) STRICT;
CREATE TABLE observed (actor BLOB NOT NULL, what INTEGER NOT NULL, t INTEGER NOT NULL, PRIMARY KEY (actor, what)) STRICT;

-- side: erasable, or not a fact at all
CREATE TABLE side_label (subject BLOB PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
CREATE TABLE side_slug (slug TEXT PRIMARY KEY, subject BLOB NOT NULL) STRICT;
CREATE TABLE side_manifest (
  transfer BLOB PRIMARY KEY, party BLOB NOT NULL, lane BLOB NOT NULL, name_key BLOB NOT NULL, sealed BLOB NOT NULL,
  hidden INTEGER NOT NULL DEFAULT 0, repeats INTEGER NOT NULL DEFAULT 0, at INTEGER NOT NULL
) STRICT;
CREATE INDEX side_manifest_lane ON side_manifest (party, lane, at);
CREATE INDEX side_manifest_name ON side_manifest (name_key, at);
CREATE TABLE side_natural_key (key BLOB PRIMARY KEY, transfer BLOB NOT NULL, mark BLOB NOT NULL, until INTEGER NOT NULL) STRICT;
CREATE TABLE side_findings (transfer BLOB PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
CREATE TABLE side_note (subject BLOB NOT NULL, idx INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (subject, idx)) STRICT;
CREATE TABLE side_policy_text (digest BLOB PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE side_secret (lookup BLOB PRIMARY KEY, credential BLOB NOT NULL, data BLOB NOT NULL) STRICT;
CREATE INDEX side_secret_credential ON side_secret (credential);
CREATE TABLE side_session (
  lookup BLOB PRIMARY KEY, person BLOB NOT NULL, credential BLOB NOT NULL, means INTEGER NOT NULL, started INTEGER NOT NULL,
  seen INTEGER NOT NULL, stepped_up INTEGER NOT NULL, csrf BLOB NOT NULL
) STRICT;
CREATE TABLE side_upload (
  id BLOB PRIMARY KEY, lookup BLOB UNIQUE, party BLOB NOT NULL, lane BLOB NOT NULL, principal BLOB NOT NULL, name_key BLOB NOT NULL,
  transfer BLOB NOT NULL, object BLOB NOT NULL, received_bytes INTEGER NOT NULL,
  length_bytes INTEGER, sealed BLOB NOT NULL, resume BLOB, state INTEGER NOT NULL, expires INTEGER NOT NULL, made INTEGER NOT NULL
) STRICT;
CREATE INDEX side_upload_object ON side_upload (object);
CREATE INDEX side_upload_name ON side_upload (name_key, made);
CREATE INDEX side_upload_party ON side_upload (party, state);
CREATE TABLE side_not_received (party BLOB NOT NULL, at INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;
CREATE INDEX side_not_received_party ON side_not_received (party, at);
CREATE TABLE side_meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE side_folder (
  party BLOB NOT NULL, lane BLOB NOT NULL, name_key BLOB NOT NULL, sealed BLOB NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (party, lane, name_key)
) STRICT;
CREATE TABLE side_hidden (actor BLOB NOT NULL, what BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (actor, what)) STRICT;
