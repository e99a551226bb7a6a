//go:build linux

package stores_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"fairlead/cmd/stores"
	"fairlead/cmd/stores/storestest"
)

func TestAKilledParentLeavesNoChildBehindAndTheNextStartRecovers(t *testing.T) {
	dir := t.TempDir()
	ports := [3]int{storestest.FreePort(t), storestest.FreePort(t), storestest.FreePort(t)}
	for round := range 3 {
		parent := exec.Command(os.Args[0])
		parent.Env = append(os.Environ(),
			fmt.Sprintf("%s=%s,%d,%d,%d", parentVariable, dir, ports[0], ports[1], ports[2]),
			stores.LibraryVariable+"="+storestest.Library(t))
		out, err := parent.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatalf("round %d: read the children's ids: %v", round, err)
		}
		var children [2]int
		if _, err := fmt.Sscan(line, &children[0], &children[1]); err != nil {
			parent.Process.Kill()
			t.Fatalf("round %d: the parent says %q", round, line)
		}
		if err := parent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		parent.Wait()
		for _, pid := range children {
			awaitGone(t, pid)
		}
	}
}

// awaitGone waits until there is no process with the id, or only its remains.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); alive(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("process %d lives on after its parent", pid)
		}
	}
}

func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "stat"))
	return err == nil && state(stat) != 'Z'
}

// state is the third field, after a name in parentheses.
func state(stat []byte) byte {
	for i := len(stat) - 1; i > 0; i-- {
		if stat[i] == ')' && i+2 < len(stat) {
			return stat[i+2]
		}
	}
	return 0
}
