//go:build unix

package teams

import "syscall"

// writable says whether files can be created in a directory.
func writable(dir string) bool {
	const enterAndWrite = 1 | 2 // X_OK and W_OK of access(2)
	return syscall.Access(dir, enterAndWrite) == nil
}
