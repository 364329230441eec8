CREATE TABLE consents (
	id INTEGER NOT NULL,
	recipient TEXT NOT NULL,
	purpose TEXT NOT NULL,
	given BOOLEAN NOT NULL,
	method TEXT NOT NULL,
	wording TEXT DEFAULT '' NOT NULL,
	evidence TEXT DEFAULT '' NOT NULL,
	recorded_by TEXT NOT NULL,
	recorded_at BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX consents_latest ON consents (recipient, purpose, id);
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
CREATE UNIQUE INDEX optouts_active ON optouts (recipient) WHERE lifted_at IS NULL;
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
	PRIMARY KEY (id),
	UNIQUE (iccid)
);
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
	PRIMARY KEY (id),
	UNIQUE (claim)
);
CREATE INDEX batches_unreported ON batches (id) WHERE reported_at IS NULL;
CREATE UNIQUE INDEX batches_accepted_once ON batches (feed, fingerprint) WHERE accepted_at IS NOT NULL;
CREATE TABLE message_counts (
	state TEXT NOT NULL,
	total INTEGER NOT NULL,
	PRIMARY KEY (state)
)
 WITHOUT ROWID

;
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
	CONSTRAINT message_state CHECK (state IN ('blocked', 'canceled', 'delivered', 'expired', 'failed', 'held', 'queued', 'scheduled', 'sending', 'sent', 'undelivered', 'unknown')),
	CONSTRAINT message_parts CHECK (parts >= 1),
	CONSTRAINT message_concat_reference CHECK (parts = 1 OR (concat_reference IS NOT NULL AND concat_reference BETWEEN 0 AND 65535)),
	CONSTRAINT message_lease CHECK ((state = 'sending') = (lease IS NOT NULL)),
	CONSTRAINT message_row CHECK ((batch_id IS NULL) = (row_number IS NULL)),
	FOREIGN KEY(sim_id) REFERENCES sims (id),
	FOREIGN KEY(avoid_sim_id) REFERENCES sims (id),
	FOREIGN KEY(batch_id) REFERENCES batches (id)
);
CREATE UNIQUE INDEX messages_row ON messages (batch_id, row_number) WHERE batch_id IS NOT NULL;
CREATE INDEX messages_later ON messages (not_before) WHERE state IN ('queued', 'scheduled') AND ready = 0;
CREATE INDEX messages_expiring ON messages (expires_at) WHERE state IN ('held', 'queued', 'scheduled') AND expires_at IS NOT NULL;
CREATE INDEX messages_waiting_for ON messages (recipient) WHERE state IN ('held', 'queued', 'scheduled');
CREATE INDEX messages_remarkable ON messages (state, id) WHERE state IN ('blocked', 'failed', 'held', 'undelivered', 'unknown');
CREATE INDEX messages_open_in ON messages (batch_id) WHERE state IN ('held', 'queued', 'scheduled', 'sending') AND batch_id IS NOT NULL;
CREATE INDEX messages_ready ON messages (pool, purpose, sim_id, priority, id, parts, avoid_sim_id) WHERE state = 'queued' AND ready = 1;
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
CREATE INDEX sim_recipients_first ON sim_recipients (recipient, first_at);
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
	PRIMARY KEY (id),
	CONSTRAINT attempt_outcome CHECK (outcome IN ('refused', 'sent', 'unknown')),
	CONSTRAINT attempt_ended CHECK ((outcome IS NULL) = (ended_at IS NULL)),
	CONSTRAINT attempt_on_wire CHECK (outcome IS NULL OR outcome = 'refused' OR on_wire_at IS NOT NULL),
	CONSTRAINT attempt_part CHECK (part >= 1),
	FOREIGN KEY(message_id) REFERENCES messages (id),
	FOREIGN KEY(sim_id) REFERENCES sims (id)
);
CREATE INDEX attempts_of_message ON attempts (message_id, part);
CREATE UNIQUE INDEX attempts_one_running ON attempts (message_id) WHERE outcome IS NULL;
CREATE INDEX attempts_of_sim ON attempts (sim_id, on_wire_at) WHERE on_wire_at IS NOT NULL;
CREATE TRIGGER messages_begin BEFORE INSERT ON messages WHEN NEW.state NOT IN ('blocked', 'held', 'queued', 'scheduled') BEGIN SELECT RAISE(ABORT, 'a message does not begin in this state'); END;
CREATE TRIGGER messages_transition BEFORE UPDATE OF state ON messages WHEN NOT CASE OLD.state WHEN 'scheduled' THEN NEW.state IN ('blocked', 'canceled', 'expired', 'held', 'queued', 'scheduled') WHEN 'queued' THEN NEW.state IN ('blocked', 'canceled', 'expired', 'held', 'queued', 'sending') WHEN 'held' THEN NEW.state IN ('blocked', 'canceled', 'expired', 'held', 'queued') WHEN 'sending' THEN NEW.state IN ('blocked', 'canceled', 'failed', 'held', 'queued', 'sending', 'sent', 'unknown') WHEN 'sent' THEN NEW.state IN ('delivered', 'sent', 'undelivered') WHEN 'unknown' THEN NEW.state IN ('canceled', 'delivered', 'failed', 'queued', 'sent', 'undelivered', 'unknown') WHEN 'delivered' THEN NEW.state IN ('delivered') WHEN 'undelivered' THEN NEW.state IN ('undelivered') WHEN 'failed' THEN NEW.state IN ('failed') WHEN 'blocked' THEN NEW.state IN ('blocked') WHEN 'canceled' THEN NEW.state IN ('canceled') WHEN 'expired' THEN NEW.state IN ('expired') END BEGIN SELECT RAISE(ABORT, 'this state may not follow the present one'); END;
CREATE TRIGGER attempts_begin BEFORE INSERT ON attempts WHEN NEW.outcome IS NOT NULL OR NEW.on_wire_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'an attempt begins before it is on the wire'); END;
CREATE TRIGGER attempts_sent_once BEFORE INSERT ON attempts WHEN EXISTS (SELECT 1 FROM attempts WHERE message_id = NEW.message_id AND part = NEW.part AND outcome = 'sent') BEGIN SELECT RAISE(ABORT, 'this part is sent already'); END;
CREATE TRIGGER attempts_wire BEFORE UPDATE OF on_wire_at ON attempts WHEN OLD.on_wire_at IS NOT NULL OR OLD.outcome IS NOT NULL BEGIN SELECT RAISE(ABORT, 'the mark on the wire is made once'); END;
CREATE TRIGGER attempts_outcome BEFORE UPDATE OF outcome ON attempts WHEN OLD.outcome IN ('sent', 'refused') OR (OLD.outcome = 'unknown' AND NEW.outcome IS NULL) BEGIN SELECT RAISE(ABORT, 'an outcome is not taken back'); END;
CREATE TRIGGER messages_counted AFTER INSERT ON messages BEGIN UPDATE message_counts SET total = total + 1 WHERE state = NEW.state; END;
CREATE TRIGGER messages_recounted AFTER UPDATE OF state ON messages WHEN OLD.state <> NEW.state BEGIN UPDATE message_counts SET total = total - 1 WHERE state = OLD.state; UPDATE message_counts SET total = total + 1 WHERE state = NEW.state; END;
CREATE TRIGGER messages_discounted AFTER DELETE ON messages BEGIN UPDATE message_counts SET total = total - 1 WHERE state = OLD.state; END;
CREATE TRIGGER attempts_kept BEFORE DELETE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts are kept'); END;
CREATE TRIGGER consents_kept BEFORE DELETE ON consents BEGIN SELECT RAISE(ABORT, 'consents are kept'); END;
INSERT INTO message_counts (state, total) VALUES ('blocked', 0);
INSERT INTO message_counts (state, total) VALUES ('canceled', 0);
INSERT INTO message_counts (state, total) VALUES ('delivered', 0);
INSERT INTO message_counts (state, total) VALUES ('expired', 0);
INSERT INTO message_counts (state, total) VALUES ('failed', 0);
INSERT INTO message_counts (state, total) VALUES ('held', 0);
INSERT INTO message_counts (state, total) VALUES ('queued', 0);
INSERT INTO message_counts (state, total) VALUES ('scheduled', 0);
INSERT INTO message_counts (state, total) VALUES ('sending', 0);
INSERT INTO message_counts (state, total) VALUES ('sent', 0);
INSERT INTO message_counts (state, total) VALUES ('undelivered', 0);
INSERT INTO message_counts (state, total) VALUES ('unknown', 0);
PRAGMA user_version = 1;
