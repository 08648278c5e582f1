BEGIN TRANSACTION;
CREATE TABLE artifacts (
        repo_id TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
        path TEXT NOT NULL,
        signature TEXT NOT NULL,            -- inode, size and times: equal means not looked at again
        facts TEXT NOT NULL,                -- JSON: kind, title, status, version, cards
        PRIMARY KEY (repo_id, path)
    ) WITHOUT ROWID;
INSERT INTO "artifacts" VALUES('r-8TqPzR2xWk4','plans/prds/beds.prd.md','12:840:1790000000','{"kind": "prd", "title": "Raised beds"}');
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
INSERT INTO "audit" VALUES(1,1790000000.25,'g-1','ChatGPT','r-8TqPzR2xWk4','planner','read_workflow_file','plans/prds/beds.prd.md','ok',0.75,3);
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
INSERT INTO "changes" VALUES('r-8TqPzR2xWk4',1,'plans/prds/beds.prd.md','prd','added',1790000000.25,'write','ChatGPT');
INSERT INTO "changes" VALUES('r-8TqPzR2xWk4',2,'tasks/current.md','task','removed',1790000001.25,'event',NULL);
CREATE TABLE clients (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        metadata TEXT NOT NULL,             -- JSON: redirect_uris, how it is known
        created_at REAL NOT NULL
    ) WITHOUT ROWID;
INSERT INTO "clients" VALUES('c-1','ChatGPT','{"redirect_uris": ["https://chatgpt.com/connector/callback"]}',1790000000.25);
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
INSERT INTO "creates" VALUES('r-8TqPzR2xWk4','g-1','write_prd_from_idea',X'05050505050505050505050505050505','plans/prds/beds.prd.md','v-1',1,'{"cards": 2}',1790000000.25);
CREATE TABLE grant_profiles (
        grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
        repo_id TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
        profile TEXT NOT NULL,
        granted_at REAL NOT NULL,           -- orchestrator counts only if it was granted since agent runs were enabled
        PRIMARY KEY (grant_id, repo_id, profile)
    ) WITHOUT ROWID;
INSERT INTO "grant_profiles" VALUES('g-1','r-8TqPzR2xWk4','planner',1790000000.25);
INSERT INTO "grant_profiles" VALUES('g-2','r-8TqPzR2xWk4','planner',1790000001.25);
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
INSERT INTO "grants" VALUES('g-1','c-1','hub',1,0,X'0606060606060606060606060606060606060606060606060606060606060606',1790000000.25,1790000005.25);
INSERT INTO "grants" VALUES('g-2','c-1','r-8TqPzR2xWk4',0,1,X'0707070707070707070707070707070707070707070707070707070707070707',1790000001.25,1790000001.25);
CREATE TABLE delivered (
        listener TEXT NOT NULL,             -- grant id, or a bridge's id
        repo_id TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (listener, repo_id)
    ) WITHOUT ROWID;
INSERT INTO "delivered" VALUES('g-1','r-8TqPzR2xWk4',1,1790000001.25);
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
INSERT INTO "logins" VALUES('q-1','g-1','https://chatgpt.com/connector/callback','ccccccccccccccccccccccccccccccccccccccccccc',1790000000.25,X'0101010101010101010101010101010101010101010101010101010101010101',1790000060.25,1790000002.25);
INSERT INTO "logins" VALUES('q-2',NULL,'http://127.0.0.1:4000/cb','ddddddddddddddddddddddddddddddddddddddddddd',1790000003.25,NULL,NULL,NULL);
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('instance',X'0001020304050607');
INSERT INTO "meta" VALUES('workflow.key',X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F');
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
INSERT INTO "repos" VALUES('r-5LmNcV7bYh0','shed','shed','/home/ada/shed',64769,1312,'l-2',X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F',1789913600.25,0,1789999940.25);
INSERT INTO "repos" VALUES('r-8TqPzR2xWk4','garden','Garden — planner','/home/ada/garden',64769,1311,'l-1',X'0000000000000000000000000000000000000000000000000000000000000000',1790000000.25,1000,NULL);
CREATE TABLE run_items (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        at REAL NOT NULL,
        item TEXT NOT NULL,                 -- JSON
        PRIMARY KEY (run_id, number)
    ) WITHOUT ROWID;
INSERT INTO "run_items" VALUES('run_abcdefgh',1,1790000001.25,'{"kind": "message", "text": "Done."}');
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
INSERT INTO "runs" VALUES('run_abcdefgh','r-8TqPzR2xWk4','codex','g-1','ChatGPT','r-1','done',1790000000.25,1790000090.25,'{"reason": null}');
CREATE TABLE session_uris (
        session BLOB NOT NULL REFERENCES sessions (digest) ON DELETE CASCADE,
        uri TEXT NOT NULL,
        PRIMARY KEY (session, uri)
    ) WITHOUT ROWID;
INSERT INTO "session_uris" VALUES(X'0606060606060606060606060606060606060606060606060606060606060606','repo-harness://garden/docs/spec.md');
CREATE TABLE sessions (
        digest BLOB PRIMARY KEY,            -- of the id that the client was given
        endpoint TEXT NOT NULL,             -- 'hub' or a repository id
        grant_id TEXT NOT NULL,
        parameters BLOB NOT NULL,           -- JSON: params of `initialize`
        used_at REAL NOT NULL,
        ended_at REAL                       -- by DELETE or eviction
    ) WITHOUT ROWID;
INSERT INTO "sessions" VALUES(X'0606060606060606060606060606060606060606060606060606060606060606','hub','g-1',X'7B7D',1790000000.25,NULL);
CREATE TABLE started (
        repo_id TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
        profile TEXT NOT NULL,
        options TEXT NOT NULL DEFAULT '{}',
        PRIMARY KEY (repo_id, profile)
    ) WITHOUT ROWID;
INSERT INTO "started" VALUES('r-8TqPzR2xWk4','orchestrator','{"agents": ["codex", "claude"]}');
INSERT INTO "started" VALUES('r-8TqPzR2xWk4','planner','{}');
CREATE TABLE tokens (
        digest BLOB PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('access', 'refresh')),
        grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
        issued_at REAL NOT NULL,
        expires_at REAL NOT NULL,
        used_at REAL,
        salt BLOB
    );
INSERT INTO "tokens" VALUES(X'0202020202020202020202020202020202020202020202020202020202020202','access','g-1',1790000000.25,1790003600.25,NULL,NULL);
INSERT INTO "tokens" VALUES(X'0303030303030303030303030303030303030303030303030303030303030303','refresh','g-1',1790000000.25,1790086400.25,1790000030.25,X'04040404040404040404040404040404');
CREATE TABLE writes (
        repo_id TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
        path TEXT NOT NULL,
        tool TEXT NOT NULL,
        revision TEXT NOT NULL,
        PRIMARY KEY (repo_id, path)
    ) WITHOUT ROWID;
INSERT INTO "writes" VALUES('r-8TqPzR2xWk4','plans/prds/beds.prd.md','write_prd_from_idea','v-1');
CREATE UNIQUE INDEX repos_path ON repos (path) WHERE forgotten_at IS NULL;
CREATE INDEX grants_client ON grants (client_id);
CREATE INDEX grant_profiles_repo ON grant_profiles (repo_id);
CREATE INDEX tokens_grant ON tokens (grant_id, kind);
CREATE INDEX sessions_endpoint ON sessions (endpoint);
CREATE INDEX runs_repo ON runs (repo_id, queued_at);
CREATE INDEX audit_repo ON audit (repo_id, id);
CREATE INDEX audit_action ON audit (action, id);
COMMIT;
PRAGMA user_version = 1;
