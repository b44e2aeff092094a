// Package postgres is the store for several replicas: one PostgreSQL database,
// 14 or newer, to which all of them write at once.
//
// # What makes it right
//
// Every Update is a transaction of its own (READ COMMITTED), and several run at
// the same time, in this process and in others; only alerts that come in share
// transactions, as joint.go says. What is read in an Update to be changed is
// locked until its commit:
//
//   - Groups(origin) takes an advisory lock of the origin, also for its first
//     group, and then its groups in the order of their ids;
//   - Address(address), Lease, and what is kept by a name (Person, Roster,
//     Conversation) take one of the name, so that turns of one address follow
//     each other in all replicas;
//   - every other row that is read in an Update is locked FOR UPDATE.
//
// Who locks several does it in this order, and then never waits in a circle:
// an address, groups by id, posts, people. Where that cannot be kept PostgreSQL
// sees the circle after a second (deadlock_timeout) and ends one of them, which
// begins anew, as one does that made a row which another one made at the same
// time. Nothing in Update's function may have effects outside for that reason.
//
// A View sees one moment (REPEATABLE READ, READ ONLY) and waits for nobody.
//
// # What happens when the connection is lost
//
// Before the commit was sent, the function runs again on another connection,
// and after some attempts the caller hears ErrUnavailable. When the commit was
// sent and its answer never came, nobody knows whether it holds, and the caller
// hears ErrUnavailable at once. To look the transaction up by its number would
// be worse than not to know: after a failover that lost it, the number may be
// another transaction's.
//
// Waiting ends: after 5 s for one host of the URL, 10 s for a connection of the
// pool, 10 s for a statement on the server, 15 s for anything from the network.
// A network that swallows everything makes an Update fail after 25 s at most.
//
// # For who runs the server
//
// The database is ours alone, or a schema of it is, named in the URL
// (?search_path=teamsrelay). Its encoding is UTF8.
//
//	CREATE ROLE teamsrelay LOGIN PASSWORD '...';
//	CREATE DATABASE teamsrelay OWNER teamsrelay ENCODING 'UTF8' TEMPLATE template0;
//
// Who owns the database or the schema needs nothing else: no superuser, no
// extension. The role makes and changes the tables when a new version starts,
// one replica after the other; until then it could do with SELECT, INSERT,
// UPDATE and DELETE on the tables and USAGE on the sequences.
//
// Each replica has up to 22 connections, 16 that write and 6 that read, and one
// more while it starts; idle ones are closed after five minutes but for two. So
// max_connections is 23 for each replica and what PostgreSQL and its
// administrators need, about 10: three replicas are content with the default of
// 100.
//
// No pooler stands between that gives a connection to somebody else after each
// transaction or statement (PgBouncer's pool_mode transaction or statement), nor
// one that keeps our settings from the server: Open refuses a connection without
// them. What a pooler is for we do ourselves. Several hosts in the URL, the
// address of a load balancer for the primary, or a DNS name that moves with it
// are right; a standby is never used.
//
// The server may be restarted or replaced at any time: what comes meanwhile is
// answered with "not now", and its senders bring it again. A failover to a
// standby that lags loses what was acknowledged in between, unless
// synchronous_standby_names says to wait for it. We see to it that a
// commit is on the disk (synchronous_commit is never off); what else that means,
// on, remote_apply or local, is the server's.
//
// A backup is pg_dump of the database, while everything runs, or the server's
// own (pg_basebackup and the archive of its log). Who restores one gets back
// what it had: alerts that still fire are told again by their sources, and
// messages that were sent since then are unknown, so cards may come twice. The
// keys that seal destinations are not in it.
//
// Every statement has an index, and we set enable_seqscan to off for our
// connections, so autovacuum and its defaults are all the care that it needs.
package postgres
