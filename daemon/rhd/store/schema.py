"""The database's schema, as the list of steps that lead to it. A step that was released is never edited.

`PRAGMA user_version` counts the steps taken. tests/rhd/store/data keeps a database of every released schema.
"""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
    -- Secrets and identities of this installation: signing keys, instance id. Values are bytes.
    CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

    -- Adopted repositories. A forgotten one keeps its row, so that the audit can name it, until its slug is used again.
    CREATE TABLE repos (
        id TEXT PRIMARY KEY,
        slug TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,                 -- as people call it: the folder's name
        path TEXT NOT NULL,                 -- real path at adoption
        device INTEGER NOT NULL,            -- of its folder: an id that is found elsewhere is believed only there
        inode INTEGER NOT NULL,
        log TEXT NOT NULL,                  -- id of its change log; a new one makes every old cursor answer reset
        passphrase BLOB NOT NULL,           -- SHA-256 of the generated passphrase (>= 128 bits, so no slow hash)
        adopted_at REAL NOT NULL,
        reserved INTEGER NOT NULL DEFAULT 0, -- change numbers up to this one may have been told, recorded or not
        forgotten_at REAL
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX repos_path ON repos (path) WHERE forgotten_at IS NULL;

    -- What HTTP clients may be served; options is JSON (the orchestrator's agents).
    CREATE TABLE started (
        repo_id TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
        profile TEXT NOT NULL,
        options TEXT NOT NULL DEFAULT '{}',
        PRIMARY KEY (repo_id, profile)
    ) WITHOUT ROWID;

    -- OAuth clients that the owner has approved once. Other registrations are not stored at all.
    CREATE TABLE clients (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        metadata TEXT NOT NULL,             -- JSON: redirect_uris, how it is known
        created_at REAL NOT NULL
    ) WITHOUT ROWID;

    -- One login that the owner allowed. A row that is here is alive; ending a grant deletes it and what hangs on it.
    CREATE TABLE grants (
        id TEXT PRIMARY KEY,
        client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
        resource TEXT NOT NULL,             -- 'hub' or a repository id
        is_offline INTEGER NOT NULL,        -- offline_access was asked for, so the token response names it
        is_loopback INTEGER NOT NULL,       -- the login ended at a program of this machine: its tokens live longer
        family BLOB NOT NULL,               -- SHA-256 of what all refresh tokens of the grant have in common
        created_at REAL NOT NULL,
        used_at REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX grants_client ON grants (client_id);

    CREATE TABLE grant_profiles (
        grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
        repo_id TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
        profile TEXT NOT NULL,
        granted_at REAL NOT NULL,           -- orchestrator counts only if it was granted since agent runs were enabled
        PRIMARY KEY (grant_id, repo_id, profile)
    ) WITHOUT ROWID;
    CREATE INDEX grant_profiles_repo ON grant_profiles (repo_id);

    -- Answered logins: one row a consent, for the first answer. It outlives its grant, so that a page kept open
    -- cannot answer the same login twice. `code` is the digest of the authorization code, once the browser came for it.
    CREATE TABLE logins (
        request_id TEXT PRIMARY KEY,
        grant_id TEXT,                      -- NULL: denied
        redirect_uri TEXT NOT NULL,
        challenge TEXT NOT NULL,
        decided_at REAL NOT NULL,
        code BLOB UNIQUE,
        expires_at REAL,                    -- of the code
        used_at REAL
    ) WITHOUT ROWID;

    -- Access and refresh tokens, by digest. A used refresh token keeps, for the grace window, the salt from which the
    -- token itself derives its successors; the database alone does not suffice.
    CREATE TABLE tokens (
        digest BLOB PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('access', 'refresh')),
        grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
        issued_at REAL NOT NULL,
        expires_at REAL NOT NULL,
        used_at REAL,
        salt BLOB
    );                                      -- with its rowid: the order of issue, whatever the clock does
    CREATE INDEX tokens_grant ON tokens (grant_id, kind);

    -- Sessions of the 2025 revision. Most of its clients never initialize again, so a session is opened again from its
    -- row after a restart or an idle end. An ended one is kept for a day: until then its id is answered with 404.
    CREATE TABLE sessions (
        digest BLOB PRIMARY KEY,            -- of the id that the client was given
        endpoint TEXT NOT NULL,             -- 'hub' or a repository id
        grant_id TEXT NOT NULL,
        parameters BLOB NOT NULL,           -- JSON: params of `initialize`
        used_at REAL NOT NULL,
        ended_at REAL                       -- by DELETE or eviction
    ) WITHOUT ROWID;
    CREATE INDEX sessions_endpoint ON sessions (endpoint);

    CREATE TABLE session_uris (
        session BLOB NOT NULL REFERENCES sessions (digest) ON DELETE CASCADE,
        uri TEXT NOT NULL,
        PRIMARY KEY (session, uri)
    ) WITHOUT ROWID;

    -- The catalog as last announced: what a restart compares the disk with.
    CREATE TABLE artifacts (
        repo_id TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
        path TEXT NOT NULL,
        signature TEXT NOT NULL,            -- inode, size and times: equal means not looked at again
        facts TEXT NOT NULL,                -- JSON: kind, title, status, version, cards
        PRIMARY KEY (repo_id, path)
    ) WITHOUT ROWID;

    CREATE TABLE changes (
        repo_id TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        path TEXT NOT NULL,
        kind TEXT NOT NULL,
        change TEXT NOT NULL,
        at REAL NOT NULL,
        via TEXT NOT NULL,
        by TEXT,                            -- the name of the client that wrote it
        PRIMARY KEY (repo_id, number)
    ) WITHOUT ROWID;

    -- The newest change of each repository that each grant was sent, recorded when its last stream ends.
    CREATE TABLE delivered (
        listener TEXT NOT NULL,             -- grant id, or a bridge's id
        repo_id TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (listener, repo_id)
    ) WITHOUT ROWID;

    -- Which tool wrote the revision that is at a path: it replaces that without a revision.
    CREATE TABLE writes (
        repo_id TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
        path TEXT NOT NULL,
        tool TEXT NOT NULL,
        revision TEXT NOT NULL,
        PRIMARY KEY (repo_id, path)
    ) WITHOUT ROWID;

    -- Creates of the last hour, recorded before the file is written: a call that is repeated returns the first result.
    CREATE TABLE creates (
        repo_id TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
        caller TEXT NOT NULL,
        tool TEXT NOT NULL,
        digest BLOB NOT NULL,               -- keyed, of the call's arguments
        path TEXT NOT NULL,
        revision TEXT NOT NULL,             -- of the text; at the path once it is written
        created INTEGER NOT NULL,           -- nothing was at the path before
        said TEXT NOT NULL,                 -- JSON: the rest of the result
        at REAL NOT NULL,
        PRIMARY KEY (repo_id, caller, tool, digest)
    ) WITHOUT ROWID;

    -- Agent runs. One that is queued or running while no daemon serves was interrupted.
    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        repo_id TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
        agent TEXT NOT NULL,
        principal TEXT NOT NULL,            -- who asked for it: a grant's id, or the owner
        client TEXT NOT NULL,               -- the client's name
        revision TEXT NOT NULL,             -- of the goal
        state TEXT NOT NULL,
        queued_at REAL NOT NULL,
        ended_at REAL,
        facts TEXT NOT NULL                 -- JSON: how it ended, counts, cards, files, the last message
    ) WITHOUT ROWID;
    CREATE INDEX runs_repo ON runs (repo_id, queued_at);

    -- What each run's agent did, for the owner alone: commands, the end of their output, messages.
    CREATE TABLE run_items (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        at REAL NOT NULL,
        item TEXT NOT NULL,                 -- JSON
        PRIMARY KEY (run_id, number)
    ) WITHOUT ROWID;

    CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        principal TEXT NOT NULL,            -- a grant's id, 'owner', or '-' for a request without a grant
        client TEXT,                        -- the client's name at that moment
        repo_id TEXT,
        profile TEXT,
        action TEXT NOT NULL,
        target TEXT,                        -- a path of an artifact, an address; never content or arguments
        outcome TEXT NOT NULL,              -- 'ok' or a code
        duration_ms REAL NOT NULL,
        count INTEGER NOT NULL DEFAULT 1    -- equal events within five seconds are one row
    );
    CREATE INDEX audit_repo ON audit (repo_id, id);
    CREATE INDEX audit_action ON audit (action, id);
    """,
)
