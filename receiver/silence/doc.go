// Package silence keeps alerts quiet because somebody asked for it.
//
// A silence is ours or Alertmanager's. Ours works by itself: Compile makes the
// stored silences answer whether an alert is silenced. One of an alert that
// Alertmanager sent has to be made there, which is an intent (design D13): it
// is stored as requested before anybody is told so, and a Worker has
// Alertmanager make it, one silence per set of matchers. Until all of them are
// there nothing claims to be silenced.
//
//	requested ─► active ─► ending ─► ended
//	    │  └────────────────► ▲ │
//	    ▼                     └─▼
//	 failed              active, with the reason why it did not end
//
// The comment of each silence in Alertmanager ends with its mark: our id of it
// and the time at which it was asked for, which tells apart the ids of
// different databases. Alertmanager's silences are looked through for the mark
// before any is made or ended. So an attempt whose answer was lost, or a
// process that was killed in between, makes no silence twice and leaves none
// behind.
//
// Once a minute Alertmanager is asked what it still keeps of them: people end
// and change silences there too.
//
// All Alertmanagers of the configuration are taken for one cluster, as they
// tell each other of silences: one is made at the first that answers, and that
// which sent the alert is asked first.
package silence
