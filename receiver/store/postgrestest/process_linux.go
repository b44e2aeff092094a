package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// dieWithUs has the kernel end a command when we are gone, even by kill -9.
// SIGQUIT is "immediate": the server takes its children along.
func dieWithUs(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
}

// account is a user of the system, nil for whoever we are.
type account struct{ uid, gid int }

// unprivileged returns whom a server may run as: PostgreSQL refuses to be root.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if err := errors.Join(errUID, errGID); err != nil {
			return nil, err
		}
		return &account{uid: uid, gid: gid}, nil
	}
	return nil, fmt.Errorf("%w: as root it needs a user postgres or nobody to run as", ErrAbsent)
}

// own gives files to the account.
func (a *account) own(names ...string) error {
	if a == nil {
		return nil
	}
	for _, name := range names {
		if err := os.Chown(name, a.uid, a.gid); err != nil {
			return err
		}
	}
	return nil
}

// run has the command run as the account.
func (a *account) run(cmd *exec.Cmd) {
	if a != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}}
	}
}
