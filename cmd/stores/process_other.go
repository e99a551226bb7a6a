//go:build !linux

package stores

import (
	"os/exec"
	"syscall"
)

// tieToParent gives the child a group of its own, which keeps the terminal's Ctrl-C from it: whoever
// uses the stores stops first. Here no signal tells a child of its parent's death; the engine notices
// that its standard input has ended.
func tieToParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
