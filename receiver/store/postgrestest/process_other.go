//go:build !linux

package postgrestest

import "os/exec"

// dieWithUs: only Linux can end a command when its parent was killed.
func dieWithUs(*exec.Cmd) {}

// account would be a user of the system. Tests run as an ordinary one here.
type account struct{}

func unprivileged() (*account, error) { return nil, nil }

func (*account) own(...string) error { return nil }

func (*account) run(*exec.Cmd) {}
