// Package e2e proves what is promised to users with the programs that users
// run: what we build, a real Alertmanager, InfluxDB and Telegraf, a real disk,
// kill -9. There is only test code here.
//
// What is simulated is Microsoft Teams (package teamstest), because nobody can
// kill Microsoft's. Everything listens on free ports of loopback and writes
// into temporary directories. Because real processes take real time, these
// tests wait for what they want to see, with a limit, and do not count on how
// long it takes.
//
// The first run builds what others wrote into .cache at the top of the project,
// which takes some minutes; -short leaves that out and kills less often.
package e2e
