//go:build unix

package main

import "syscall"

// What stops a process without ending it, and lets it go on.
const (
	stopSignal = syscall.SIGSTOP
	contSignal = syscall.SIGCONT
)
