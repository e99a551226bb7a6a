package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"
)

func child(t *testing.T, what, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+what, dirEnv+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestADirectoryBelongsToOneProcess(t *testing.T) {
	dir := ramDir(t)
	cmd := child(t, "hold", dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
		t.Fatal(line, err)
	}
	_, err = Open(dir, Options{Logger: quiet()})
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != cmd.Process.Pid {
		t.Errorf("got %v, want it in use by process %d", err, cmd.Process.Pid)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if _, err := Open(dir, Options{Logger: quiet()}); !errors.As(err, &locked) || locked.PID != os.Getpid() {
		t.Errorf("got %v, want it in use by this process", err)
	}
}

// TestSIGKILLTakesNothingAnswered kills a process that appends, again and again over one journal, and looks for every number that
// it had answered.
func TestSIGKILLTakesNothingAnswered(t *testing.T) {
	kills := 5
	if chaos() {
		kills = 200
	}
	dir := t.TempDir()
	answered := make(map[uint64]string)
	for range kills {
		cmd := child(t, "append", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(rand.IntN(60))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		// Most of the kills come after a number of answers, the rest after a time, which may be before the first one.
		after := rand.IntN(2000)
		if after%4 != 0 {
			kill.Stop()
		}
		for in := bufio.NewReader(out); ; {
			seq, payload, err := readAnswer(in)
			if err != nil {
				break
			}
			if was, twice := answered[seq]; twice {
				t.Fatalf("number %d was answered for %q and for %q", seq, was, payload)
			}
			answered[seq] = payload
			if after--; after == 0 {
				kill.Stop()
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait() // killed
	}

	l := open(t, dir)
	if c := l.Corruptions(); len(c) > 0 {
		t.Fatal(c)
	}
	found := make(map[uint64]string)
	for _, e := range read(t, l, 1) {
		if e.gap != (Gap{}) {
			t.Errorf("gap %+v, want none", e.gap)
		}
		if e.seq != uint64(len(found))+1 {
			t.Fatalf("number %d follows %d", e.seq, len(found))
		}
		found[e.seq] = e.record
	}
	for seq, want := range answered {
		if found[seq] != want {
			t.Errorf("number %d: got %q, answered for %q", seq, found[seq], want)
		}
	}
	t.Logf("%d kills, %d answered, %d in the journal", kills, len(answered), len(found))
}

func readAnswer(in io.Reader) (seq uint64, payload string, err error) {
	var head [9]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, "", err
	}
	b := make([]byte, head[8])
	_, err = io.ReadFull(in, b)
	return binary.LittleEndian.Uint64(head[:]), string(b), err
}
