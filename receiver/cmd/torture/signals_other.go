//go:build !unix

package main

import "syscall"

// No process can be stopped here without ending it: a replica that should hang
// goes on.
const (
	stopSignal = syscall.Signal(0)
	contSignal = syscall.Signal(0)
)
