package stores

import (
	"os/exec"
	"syscall"
)

// tieToParent makes the kernel kill the child when the thread that starts it ends. A group of its own
// keeps the terminal's Ctrl-C from the stores: whoever uses them stops first.
func tieToParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
