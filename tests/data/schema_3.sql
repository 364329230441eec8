CREATE TABLE arrivals (
	id INTEGER NOT NULL,
	sim_id INTEGER NOT NULL,
	fingerprint BLOB NOT NULL,
	pdu TEXT NOT NULL,
	received_at BIGINT NOT NULL,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT DEFAULT '' NOT NULL,
	sender TEXT DEFAULT '' NOT NULL,
	reference INTEGER,
	total INTEGER,
	place INTEGER,
	incoming_id INTEGER,
	attempt_id INTEGER,
	PRIMARY KEY (id),
	CONSTRAINT arrival_once UNIQUE (sim_id, fingerprint),
	CONSTRAINT arrival_kind CHECK (kind IN ('message', 'report', 'unreadable')),
	CONSTRAINT arrival_state CHECK (state IN ('new', 'waiting', 'done', 'quarantined')),
	CONSTRAINT arrival_part CHECK ((total IS NULL) = (place IS NULL)),
	FOREIGN KEY(sim_id) REFERENCES sims (id),
	FOREIGN KEY(incoming_id) REFERENCES incoming (id),
	FOREIGN KEY(attempt_id) REFERENCES attempts (id)
);
CREATE TABLE attempts (
	id INTEGER NOT NULL,
	message_id INTEGER NOT NULL,
	part INTEGER NOT NULL,
	sim_id INTEGER NOT NULL,
	begun_at BIGINT NOT NULL,
	on_wire_at BIGINT,
	ended_at BIGINT,
	outcome TEXT,
	cause TEXT DEFAULT '' NOT NULL,
	reference INTEGER,
	tp_status INTEGER,
	resolved_by TEXT,
	resolved_at BIGINT,
	resent_by TEXT,
	PRIMARY KEY (id),
	CONSTRAINT attempt_outcome CHECK ((outcome = 'refused' OR outcome = 'sent' OR outcome = 'unknown')),
	CONSTRAINT attempt_ended CHECK ((outcome IS NULL) = (ended_at IS NULL)),
	CONSTRAINT attempt_on_wire CHECK (outcome IS NULL OR outcome = 'refused' OR on_wire_at IS NOT NULL),
	CONSTRAINT attempt_part CHECK (part >= 1),
	FOREIGN KEY(message_id) REFERENCES messages (id),
	FOREIGN KEY(sim_id) REFERENCES sims (id)
);
CREATE TABLE audit (
	seq INTEGER NOT NULL,
	version INTEGER NOT NULL,
	at TEXT NOT NULL,
	actor TEXT NOT NULL,
	event TEXT NOT NULL,
	subject TEXT NOT NULL,
	details TEXT NOT NULL,
	hash BLOB NOT NULL,
	PRIMARY KEY (seq),
	CONSTRAINT audit_hash CHECK (length(hash) = 32)
);
CREATE TABLE batch_rows (
	batch_id INTEGER NOT NULL,
	row_number INTEGER NOT NULL,
	recipient TEXT NOT NULL,
	reason TEXT NOT NULL,
	text TEXT DEFAULT '' NOT NULL,
	alphabet TEXT DEFAULT '' NOT NULL,
	parts INTEGER DEFAULT '0' NOT NULL,
	PRIMARY KEY (batch_id, row_number),
	FOREIGN KEY(batch_id) REFERENCES batches (id)
)
 WITHOUT ROWID

;
CREATE TABLE batches (
	id INTEGER NOT NULL,
	feed TEXT NOT NULL,
	name TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	claim TEXT NOT NULL,
	filed_as TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	accepted_at BIGINT,
	reported_at BIGINT,
	report TEXT DEFAULT 'due' NOT NULL,
	kind TEXT DEFAULT '' NOT NULL,
	told TEXT DEFAULT '' NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (claim)
);
CREATE TABLE campaign_approvals (
	campaign_id INTEGER NOT NULL,
	approved_by TEXT NOT NULL,
	approved_at BIGINT NOT NULL,
	size INTEGER NOT NULL,
	PRIMARY KEY (campaign_id, approved_by),
	FOREIGN KEY(campaign_id) REFERENCES campaigns (id)
)
 WITHOUT ROWID

;
CREATE TABLE campaign_recipients (
	campaign_id INTEGER NOT NULL,
	recipient TEXT NOT NULL,
	run INTEGER NOT NULL,
	reason TEXT DEFAULT '' NOT NULL,
	message_id INTEGER,
	PRIMARY KEY (campaign_id, recipient, run),
	CONSTRAINT campaign_recipient CHECK ((reason = '') = (message_id IS NOT NULL)),
	FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
	FOREIGN KEY(message_id) REFERENCES messages (id)
)
 WITHOUT ROWID

;
CREATE TABLE campaign_rows (
	campaign_id INTEGER NOT NULL,
	row_number INTEGER NOT NULL,
	number TEXT NOT NULL,
	reason TEXT DEFAULT '' NOT NULL,
	fields JSON DEFAULT '{}' NOT NULL,
	PRIMARY KEY (campaign_id, row_number),
	FOREIGN KEY(campaign_id) REFERENCES campaigns (id)
)
 WITHOUT ROWID

;
CREATE TABLE campaigns (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL,
	purpose TEXT NOT NULL,
	template TEXT NOT NULL,
	audience_kind TEXT NOT NULL,
	audience TEXT NOT NULL,
	pool TEXT NOT NULL,
	priority INTEGER NOT NULL,
	window TEXT DEFAULT '' NOT NULL,
	start_at BIGINT,
	deadline BIGINT,
	repeat TEXT DEFAULT 'once' NOT NULL,
	missed TEXT DEFAULT 'hold' NOT NULL,
	created_by TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT DEFAULT '' NOT NULL,
	test_begun_at BIGINT,
	test_skipped TEXT DEFAULT '' NOT NULL,
	may_send_until BIGINT DEFAULT '0' NOT NULL,
	unsettled BOOLEAN DEFAULT '0' NOT NULL,
	run INTEGER DEFAULT '0' NOT NULL,
	run_begun_at BIGINT,
	next_run_at BIGINT,
	releasing BOOLEAN DEFAULT '0' NOT NULL,
	reached INTEGER DEFAULT '0' NOT NULL,
	ended_at BIGINT,
	watched_since BIGINT,
	CONSTRAINT campaign_state CHECK ((state = 'approved' OR state = 'canceled' OR state = 'draft' OR state = 'finished' OR state = 'paused' OR state = 'running' OR state = 'scheduled' OR state = 'tested' OR state = 'to_test')),
	CONSTRAINT campaign_audience CHECK ((audience_kind = 'file' OR audience_kind = 'numbers' OR audience_kind = 'segment')),
	CONSTRAINT campaign_repeat CHECK ((repeat = 'daily' OR repeat = 'monthly' OR repeat = 'once' OR repeat = 'weekly' OR repeat = 'yearly')),
	CONSTRAINT campaign_missed CHECK ((missed = 'hold' OR missed = 'send')),
	CONSTRAINT campaign_sends CHECK (state = 'running' OR may_send_until = 0),
	UNIQUE (name)
);
CREATE TABLE consents (
	id INTEGER NOT NULL,
	recipient TEXT NOT NULL,
	purpose TEXT NOT NULL,
	given BOOLEAN NOT NULL,
	method TEXT NOT NULL,
	evidence TEXT DEFAULT '' NOT NULL,
	recorded_by TEXT NOT NULL,
	recorded_at BIGINT NOT NULL,
	agreed_at BIGINT DEFAULT '0' NOT NULL,
	wording_id INTEGER,
	evidence_sha256 TEXT DEFAULT '' NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(wording_id) REFERENCES wordings (id)
);
CREATE TABLE contacts (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	number TEXT NOT NULL,
	given_name TEXT DEFAULT '' NOT NULL,
	family_name TEXT DEFAULT '' NOT NULL,
	language TEXT DEFAULT '' NOT NULL,
	fields JSON DEFAULT '{}' NOT NULL,
	source TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	UNIQUE (number)
);
CREATE TABLE handler_calls (
	id INTEGER NOT NULL,
	"key" TEXT NOT NULL,
	event TEXT NOT NULL,
	file TEXT NOT NULL,
	message_reference TEXT DEFAULT '' NOT NULL,
	due_at BIGINT NOT NULL,
	tries INTEGER DEFAULT '0' NOT NULL,
	PRIMARY KEY (id),
	UNIQUE ("key")
);
CREATE TABLE imported (
	fingerprint BLOB NOT NULL,
	PRIMARY KEY (fingerprint)
)
 WITHOUT ROWID

;
CREATE TABLE incoming (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	sim_id INTEGER NOT NULL,
	sender TEXT NOT NULL,
	text TEXT NOT NULL,
	parts INTEGER NOT NULL,
	complete BOOLEAN NOT NULL,
	service_centre TEXT NOT NULL,
	sent_at BIGINT,
	received_at BIGINT NOT NULL,
	kind TEXT NOT NULL,
	tier TEXT NOT NULL,
	rule TEXT NOT NULL,
	review BOOLEAN NOT NULL,
	reviewed_at BIGINT,
	reviewed_by TEXT DEFAULT '' NOT NULL,
	optout_id INTEGER,
	canceled INTEGER DEFAULT '0' NOT NULL,
	answer_id INTEGER,
	filed_at BIGINT,
	FOREIGN KEY(sim_id) REFERENCES sims (id),
	FOREIGN KEY(optout_id) REFERENCES optouts (id),
	FOREIGN KEY(answer_id) REFERENCES messages (id)
);
CREATE TABLE message_counts (
	state TEXT NOT NULL,
	total INTEGER NOT NULL,
	PRIMARY KEY (state)
)
 WITHOUT ROWID

;
INSERT INTO "message_counts" VALUES('blocked',0);
INSERT INTO "message_counts" VALUES('canceled',0);
INSERT INTO "message_counts" VALUES('delivered',0);
INSERT INTO "message_counts" VALUES('expired',0);
INSERT INTO "message_counts" VALUES('failed',0);
INSERT INTO "message_counts" VALUES('held',0);
INSERT INTO "message_counts" VALUES('queued',0);
INSERT INTO "message_counts" VALUES('scheduled',0);
INSERT INTO "message_counts" VALUES('sending',0);
INSERT INTO "message_counts" VALUES('sent',0);
INSERT INTO "message_counts" VALUES('undelivered',0);
INSERT INTO "message_counts" VALUES('unknown',0);
CREATE TABLE messages (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	recipient TEXT NOT NULL,
	purpose TEXT NOT NULL,
	feed TEXT NOT NULL,
	pool TEXT NOT NULL,
	priority INTEGER NOT NULL,
	state TEXT NOT NULL,
	reason TEXT DEFAULT '' NOT NULL,
	text TEXT NOT NULL,
	alphabet TEXT NOT NULL,
	parts INTEGER NOT NULL,
	concat_reference INTEGER,
	sim_id INTEGER,
	avoid_sim_id INTEGER,
	ready BOOLEAN NOT NULL,
	not_before BIGINT,
	expires_at BIGINT,
	lease TEXT,
	lease_until BIGINT,
	tries INTEGER DEFAULT '0' NOT NULL,
	created_at BIGINT NOT NULL,
	sent_at BIGINT,
	delivered_at BIGINT,
	batch_id INTEGER,
	row_number INTEGER,
	confirms INTEGER,
	campaign_id INTEGER,
	asks INTEGER,
	CONSTRAINT message_state CHECK ((state = 'blocked' OR state = 'canceled' OR state = 'delivered' OR state = 'expired' OR state = 'failed' OR state = 'held' OR state = 'queued' OR state = 'scheduled' OR state = 'sending' OR state = 'sent' OR state = 'undelivered' OR state = 'unknown')),
	CONSTRAINT message_parts CHECK (parts >= 1),
	CONSTRAINT message_concat_reference CHECK (parts = 1 OR (concat_reference IS NOT NULL AND concat_reference BETWEEN 0 AND 65535)),
	CONSTRAINT message_lease CHECK ((state = 'sending') = (lease IS NOT NULL)),
	CONSTRAINT message_row CHECK ((batch_id IS NULL) = (row_number IS NULL)),
	FOREIGN KEY(sim_id) REFERENCES sims (id),
	FOREIGN KEY(avoid_sim_id) REFERENCES sims (id),
	FOREIGN KEY(batch_id) REFERENCES batches (id),
	FOREIGN KEY(confirms) REFERENCES optouts (id),
	FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
	FOREIGN KEY(asks) REFERENCES questions (id)
);
CREATE TABLE optouts (
	id INTEGER NOT NULL,
	recipient TEXT NOT NULL,
	origin TEXT NOT NULL,
	recorded_by TEXT NOT NULL,
	recorded_at BIGINT NOT NULL,
	lifted_at BIGINT,
	lifted_by TEXT DEFAULT '' NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE questions (
	id INTEGER NOT NULL,
	recipient TEXT NOT NULL,
	purpose TEXT NOT NULL,
	wording_id INTEGER NOT NULL,
	reason TEXT NOT NULL,
	asked_by TEXT NOT NULL,
	asked_at BIGINT NOT NULL,
	deadline BIGINT NOT NULL,
	answer TEXT DEFAULT '' NOT NULL,
	answered_at BIGINT,
	PRIMARY KEY (id),
	CONSTRAINT question_answer CHECK (answer IN ('', 'yes', 'no', 'stop', 'none')),
	FOREIGN KEY(wording_id) REFERENCES wordings (id)
);
CREATE TABLE receipts (
	token_id INTEGER NOT NULL,
	"key" TEXT NOT NULL,
	request_sha256 BLOB NOT NULL,
	answer BLOB NOT NULL,
	made_at BIGINT NOT NULL,
	PRIMARY KEY (token_id, "key"),
	FOREIGN KEY(token_id) REFERENCES tokens (id)
)
 WITHOUT ROWID

;
CREATE TABLE sim_recipients (
	sim_id INTEGER NOT NULL,
	recipient TEXT NOT NULL,
	first_at BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	PRIMARY KEY (sim_id, recipient),
	FOREIGN KEY(sim_id) REFERENCES sims (id)
)
 WITHOUT ROWID

;
CREATE TABLE sims (
	id INTEGER NOT NULL,
	iccid TEXT NOT NULL,
	imsi TEXT NOT NULL,
	name TEXT NOT NULL,
	pool TEXT NOT NULL,
	imei TEXT NOT NULL,
	port TEXT NOT NULL,
	seen_at BIGINT NOT NULL,
	suspended_until BIGINT,
	suspended_reason TEXT DEFAULT '' NOT NULL,
	smss INTEGER,
	smss_after INTEGER,
	smss_kept_by TEXT DEFAULT '' NOT NULL,
	smss_written TEXT DEFAULT '' NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (iccid)
);
CREATE TABLE tokens (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL,
	feed TEXT NOT NULL,
	sha256 BLOB NOT NULL,
	scopes TEXT NOT NULL,
	purposes TEXT DEFAULT '' NOT NULL,
	per_minute INTEGER NOT NULL,
	created_at BIGINT NOT NULL,
	created_by TEXT NOT NULL,
	expires_at BIGINT,
	last_used_at BIGINT,
	revoked_at BIGINT,
	revoked_by TEXT,
	CONSTRAINT token_sha256 CHECK (length(sha256) = 32),
	UNIQUE (sha256)
);
CREATE TABLE wordings (
	id INTEGER NOT NULL,
	purpose TEXT NOT NULL,
	version TEXT NOT NULL,
	language TEXT NOT NULL,
	text TEXT NOT NULL,
	sha256 TEXT NOT NULL,
	recorded_at BIGINT NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT wording_once UNIQUE (purpose, version, language, sha256)
);
CREATE UNIQUE INDEX optouts_active ON optouts (recipient) WHERE lifted_at IS NULL;
CREATE UNIQUE INDEX batches_accepted_once ON batches (feed, fingerprint) WHERE accepted_at IS NOT NULL;
CREATE INDEX batches_owing ON batches (id) WHERE report != 'written';
CREATE INDEX campaigns_active ON campaigns (id) WHERE state IN ('paused', 'running', 'scheduled', 'to_test');
CREATE INDEX campaigns_unsettled ON campaigns (id) WHERE unsettled = 1;
CREATE UNIQUE INDEX tokens_named ON tokens (name) WHERE revoked_at IS NULL;
CREATE INDEX consents_latest ON consents (recipient, purpose, agreed_at, id, given);
CREATE UNIQUE INDEX questions_open ON questions (recipient) WHERE answer = '';
CREATE INDEX questions_to ON questions (recipient, purpose, asked_at);
CREATE INDEX sim_recipients_first ON sim_recipients (recipient, first_at);
CREATE INDEX receipts_made ON receipts (made_at);
CREATE INDEX messages_expiring ON messages (expires_at) WHERE (state = 'held' OR state = 'queued' OR state = 'scheduled') AND expires_at IS NOT NULL;
CREATE UNIQUE INDEX messages_confirm_once ON messages (confirms) WHERE confirms IS NOT NULL;
CREATE UNIQUE INDEX messages_ask_once ON messages (asks) WHERE asks IS NOT NULL;
CREATE INDEX messages_remarkable ON messages (state, id) WHERE state = 'blocked' OR state = 'failed' OR state = 'held' OR state = 'undelivered' OR state = 'unknown';
CREATE INDEX messages_waiting_for ON messages (recipient) WHERE state = 'held' OR state = 'queued' OR state = 'scheduled';
CREATE INDEX messages_later ON messages (not_before) WHERE (state = 'queued' OR state = 'scheduled') AND ready = 0;
CREATE INDEX messages_of_campaign ON messages (campaign_id) WHERE campaign_id IS NOT NULL;
CREATE INDEX messages_open_in ON messages (batch_id) WHERE (state = 'held' OR state = 'queued' OR state = 'scheduled' OR state = 'sending') AND batch_id IS NOT NULL;
CREATE INDEX messages_ready ON messages (pool, purpose, sim_id, priority, id, parts, avoid_sim_id) WHERE state = 'queued' AND ready = 1;
CREATE UNIQUE INDEX messages_row ON messages (batch_id, row_number) WHERE batch_id IS NOT NULL;
CREATE UNIQUE INDEX attempts_one_running ON attempts (message_id) WHERE outcome IS NULL;
CREATE INDEX attempts_of_message ON attempts (message_id, part);
CREATE INDEX attempts_of_sim ON attempts (sim_id, on_wire_at) WHERE on_wire_at IS NOT NULL;
CREATE INDEX incoming_from ON incoming (sender, received_at);
CREATE INDEX incoming_unfiled ON incoming (id) WHERE filed_at IS NULL;
CREATE INDEX incoming_to_review ON incoming (id) WHERE review = 1 AND reviewed_at IS NULL;
CREATE INDEX arrivals_waiting ON arrivals (sim_id, sender) WHERE state = 'waiting';
CREATE INDEX arrivals_quarantined ON arrivals (id) WHERE state = 'quarantined';
CREATE INDEX arrivals_new ON arrivals (kind, id) WHERE state = 'new';
CREATE TRIGGER messages_begin BEFORE INSERT ON messages WHEN NOT (NEW.state = 'blocked' OR NEW.state = 'held' OR NEW.state = 'queued' OR NEW.state = 'scheduled') BEGIN SELECT RAISE(ABORT, 'a message does not begin in this state'); END;
CREATE TRIGGER messages_transition BEFORE UPDATE OF state ON messages WHEN NOT CASE OLD.state WHEN 'scheduled' THEN (NEW.state = 'blocked' OR NEW.state = 'canceled' OR NEW.state = 'expired' OR NEW.state = 'held' OR NEW.state = 'queued' OR NEW.state = 'scheduled') WHEN 'queued' THEN (NEW.state = 'blocked' OR NEW.state = 'canceled' OR NEW.state = 'expired' OR NEW.state = 'held' OR NEW.state = 'queued' OR NEW.state = 'sending') WHEN 'held' THEN (NEW.state = 'blocked' OR NEW.state = 'canceled' OR NEW.state = 'expired' OR NEW.state = 'held' OR NEW.state = 'queued') WHEN 'sending' THEN (NEW.state = 'blocked' OR NEW.state = 'canceled' OR NEW.state = 'expired' OR NEW.state = 'failed' OR NEW.state = 'held' OR NEW.state = 'queued' OR NEW.state = 'sending' OR NEW.state = 'sent' OR NEW.state = 'unknown') WHEN 'sent' THEN (NEW.state = 'delivered' OR NEW.state = 'sent' OR NEW.state = 'undelivered') WHEN 'unknown' THEN (NEW.state = 'canceled' OR NEW.state = 'delivered' OR NEW.state = 'failed' OR NEW.state = 'queued' OR NEW.state = 'sent' OR NEW.state = 'undelivered' OR NEW.state = 'unknown') WHEN 'delivered' THEN (NEW.state = 'delivered') WHEN 'undelivered' THEN (NEW.state = 'undelivered') WHEN 'failed' THEN (NEW.state = 'failed') WHEN 'blocked' THEN (NEW.state = 'blocked') WHEN 'canceled' THEN (NEW.state = 'canceled') WHEN 'expired' THEN (NEW.state = 'expired') END BEGIN SELECT RAISE(ABORT, 'this state may not follow the present one'); END;
CREATE TRIGGER attempts_begin BEFORE INSERT ON attempts WHEN NEW.outcome IS NOT NULL OR NEW.on_wire_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'an attempt begins before it is on the wire'); END;
CREATE TRIGGER attempts_sent_once BEFORE INSERT ON attempts WHEN EXISTS (SELECT 1 FROM attempts WHERE message_id = NEW.message_id AND part = NEW.part AND outcome = 'sent') BEGIN SELECT RAISE(ABORT, 'this part is sent already'); END;
CREATE TRIGGER attempts_wire BEFORE UPDATE OF on_wire_at ON attempts WHEN OLD.on_wire_at IS NOT NULL OR OLD.outcome IS NOT NULL BEGIN SELECT RAISE(ABORT, 'the mark on the wire is made once'); END;
CREATE TRIGGER attempts_outcome BEFORE UPDATE OF outcome ON attempts WHEN OLD.outcome IN ('sent', 'refused') OR (OLD.outcome = 'unknown' AND NEW.outcome IS NULL) BEGIN SELECT RAISE(ABORT, 'an outcome is not taken back'); END;
CREATE TRIGGER messages_counted AFTER INSERT ON messages BEGIN UPDATE message_counts SET total = total + 1 WHERE state = NEW.state; END;
CREATE TRIGGER messages_recounted AFTER UPDATE OF state ON messages WHEN OLD.state <> NEW.state BEGIN UPDATE message_counts SET total = total - 1 WHERE state = OLD.state; UPDATE message_counts SET total = total + 1 WHERE state = NEW.state; END;
CREATE TRIGGER messages_discounted AFTER DELETE ON messages BEGIN UPDATE message_counts SET total = total - 1 WHERE state = OLD.state; END;
CREATE TRIGGER messages_confirm BEFORE INSERT ON messages WHEN NEW.confirms IS NOT NULL AND NOT EXISTS (SELECT 1 FROM optouts WHERE id = NEW.confirms AND recipient = NEW.recipient) BEGIN SELECT RAISE(ABORT, 'this confirms the opt-out of somebody else'); END;
CREATE TRIGGER messages_confirm_always BEFORE UPDATE OF confirms, recipient ON messages WHEN NEW.confirms IS NOT NULL AND (OLD.confirms IS NOT NEW.confirms OR OLD.recipient <> NEW.recipient) BEGIN SELECT RAISE(ABORT, 'a message does not become a confirmation'); END;
CREATE TRIGGER messages_ask BEFORE INSERT ON messages WHEN NEW.asks IS NOT NULL AND NOT EXISTS (SELECT 1 FROM questions WHERE id = NEW.asks AND recipient = NEW.recipient AND purpose = NEW.purpose) BEGIN SELECT RAISE(ABORT, 'this asks somebody else, or something else'); END;
CREATE TRIGGER messages_ask_always BEFORE UPDATE OF asks, purpose ON messages WHEN NEW.asks IS NOT NULL AND (OLD.asks IS NOT NEW.asks OR OLD.purpose <> NEW.purpose) BEGIN SELECT RAISE(ABORT, 'a message does not become a question'); END;
CREATE TRIGGER messages_reported AFTER UPDATE OF state ON messages WHEN NEW.batch_id IS NOT NULL AND OLD.state <> NEW.state AND (OLD.state = 'sent' OR OLD.state = 'unknown') BEGIN UPDATE batches SET report = 'due' WHERE id = NEW.batch_id AND report <> 'due'; END;
CREATE TRIGGER attempts_kept BEFORE DELETE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts are kept'); END;
CREATE TRIGGER consents_kept BEFORE DELETE ON consents BEGIN SELECT RAISE(ABORT, 'consents are kept'); END;
CREATE TRIGGER consents_said BEFORE UPDATE OF purpose, given, method, agreed_at, recorded_at, wording_id ON consents WHEN 1 BEGIN SELECT RAISE(ABORT, 'what was agreed to is not rewritten'); END;
CREATE TRIGGER wordings_said BEFORE UPDATE OF version, language, text, sha256 ON wordings WHEN 1 BEGIN SELECT RAISE(ABORT, 'a wording is not rewritten'); END;
CREATE TRIGGER wordings_kept BEFORE DELETE ON wordings BEGIN SELECT RAISE(ABORT, 'wordings are kept'); END;
CREATE TRIGGER audit_next BEFORE INSERT ON audit WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit) BEGIN SELECT RAISE(ABORT, 'an entry comes after the last one'); END;
CREATE TRIGGER audit_final BEFORE UPDATE ON audit WHEN 1 BEGIN SELECT RAISE(ABORT, 'what is in the audit trail is not changed'); END;
CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit are kept'); END;
CREATE TRIGGER campaigns_begin BEFORE INSERT ON campaigns WHEN NEW.state <> 'draft' BEGIN SELECT RAISE(ABORT, 'a campaign begins as a draft'); END;
CREATE TRIGGER campaigns_step BEFORE UPDATE OF state ON campaigns WHEN NOT CASE OLD.state WHEN 'draft' THEN (NEW.state = 'canceled' OR NEW.state = 'draft' OR NEW.state = 'tested' OR NEW.state = 'to_test') WHEN 'to_test' THEN (NEW.state = 'canceled' OR NEW.state = 'tested' OR NEW.state = 'to_test') WHEN 'tested' THEN (NEW.state = 'approved' OR NEW.state = 'canceled' OR NEW.state = 'tested' OR NEW.state = 'to_test') WHEN 'approved' THEN (NEW.state = 'approved' OR NEW.state = 'canceled' OR NEW.state = 'running' OR NEW.state = 'scheduled') WHEN 'scheduled' THEN (NEW.state = 'canceled' OR NEW.state = 'finished' OR NEW.state = 'paused' OR NEW.state = 'running' OR NEW.state = 'scheduled') WHEN 'running' THEN (NEW.state = 'canceled' OR NEW.state = 'finished' OR NEW.state = 'paused' OR NEW.state = 'running') WHEN 'paused' THEN (NEW.state = 'canceled' OR NEW.state = 'finished' OR NEW.state = 'paused' OR NEW.state = 'running') WHEN 'finished' THEN (NEW.state = 'finished') WHEN 'canceled' THEN (NEW.state = 'canceled') END BEGIN SELECT RAISE(ABORT, 'this state may not follow the present one'); END;
CREATE TRIGGER campaigns_fixed BEFORE UPDATE OF name, purpose, template, audience_kind, audience, pool, created_by ON campaigns WHEN 1 BEGIN SELECT RAISE(ABORT, 'a campaign is not changed, but made anew'); END;
CREATE TRIGGER campaign_approvals_kept BEFORE DELETE ON campaign_approvals BEGIN SELECT RAISE(ABORT, 'campaign_approvals are kept'); END;
PRAGMA user_version = 3;
