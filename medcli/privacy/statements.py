"""The catalogue's SQL: its tables, how a line is taken in, how it is decided what may be released together.

Refuses to run anything: :mod:`medcli.privacy.catalogue` does.
"""

# ruff: noqa: S608 - what is put into statements are this module's own words

from __future__ import annotations

#: Statuses. A worker's: staged, withheld, ignored, dicomdir. After the decision a staged file is one of the others.
STAGED, RELEASED, DUPLICATE = "staged", "released", "duplicate"
WITHHELD, IGNORED, DICOMDIR = "withheld", "ignored", "dicomdir"
CONFLICT, TWO_PATIENTS, LOST = "sop-instance-conflict", "study-names-two-patients", "staged-file-lost"
LATE = "dicomdir-came-late"

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    key TEXT NOT NULL UNIQUE, item TEXT NOT NULL, run INTEGER NOT NULL, seq INTEGER NOT NULL, place INTEGER NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, decided INTEGER NOT NULL DEFAULT 0,
    instance TEXT NOT NULL, content TEXT NOT NULL, study TEXT NOT NULL, owner TEXT NOT NULL,
    patient TEXT NOT NULL, series TEXT NOT NULL, mirror TEXT NOT NULL, path TEXT UNIQUE,
    sha256 TEXT NOT NULL, size INTEGER NOT NULL, route TEXT NOT NULL, own TEXT NOT NULL, published INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS by_place ON objects (run, seq, place);
CREATE INDEX IF NOT EXISTS by_instance ON objects (instance, content);
CREATE INDEX IF NOT EXISTS by_study ON objects (study, owner);
CREATE TABLE IF NOT EXISTS filesets (
    folder TEXT PRIMARY KEY, path TEXT NOT NULL, digest TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subjects (patient TEXT PRIMARY KEY, mark TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS again (item TEXT PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sources (key TEXT PRIMARY KEY, path BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members (key TEXT PRIMARY KEY, name BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identities (
    patient TEXT NOT NULL, issuer TEXT NOT NULL, facts TEXT NOT NULL, PRIMARY KEY (patient, issuer, facts)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS decisions (image TEXT PRIMARY KEY, decision TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS crosswalk (
    kind TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL, PRIMARY KEY (kind, old, new)
) WITHOUT ROWID;
"""

RECORD = f"""
INSERT INTO objects (key, item, run, seq, place, status, reason, instance, content, study, owner, patient, series,
    mirror, sha256, size, route, own)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET run = excluded.run, seq = excluded.seq, place = excluded.place,
    status = iif(decided AND excluded.status = '{STAGED}', status, excluded.status),
    reason = iif(decided AND excluded.status = '{STAGED}', reason, excluded.reason),
    decided = decided AND excluded.status = '{STAGED}',
    instance = excluded.instance, content = excluded.content, study = excluded.study, owner = excluded.owner,
    patient = excluded.patient, series = excluded.series, mirror = excluded.mirror, sha256 = excluded.sha256, size = excluded.size,
    route = excluded.route, own = excluded.own
"""

# An object speaks where decisions are made if it is in the present input, or was released then or now.
_SPEAKS = f"(run = :run OR status = '{RELEASED}')"
HERE = f"status = '{STAGED}' AND run = :run"

DECIDE = (
    f"""UPDATE objects SET status = '{WITHHELD}', reason = '{CONFLICT}', decided = 1
    WHERE {HERE} AND instance IN (
        SELECT instance FROM objects WHERE instance <> '' AND content <> '' AND {_SPEAKS}
        GROUP BY instance HAVING min(content) <> max(content))""",
    f"""UPDATE objects SET status = '{WITHHELD}', reason = '{TWO_PATIENTS}', decided = 1
    WHERE {HERE} AND study IN (
        SELECT study FROM objects WHERE study <> '' AND owner <> '' AND {_SPEAKS}
        GROUP BY study HAVING min(owner) <> max(owner))""",
    f"""UPDATE objects SET status = '{DUPLICATE}', decided = 1
    WHERE {HERE} AND (
        instance IN (SELECT instance FROM objects WHERE status = '{RELEASED}')
        OR rowid NOT IN (SELECT rowid FROM (SELECT rowid, min(seq * 1000000 + place) FROM objects
            WHERE {HERE} GROUP BY instance)))""",
)
