package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"fairlead/cmd/chaostest"
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

// TestSIGKILLTakesNothingAnswered kills a process that appends, again and again over one journal, and looks for
// every number that it had answered. The kills come from outside, after some answers or some time, and from
// inside, before some operation on the files, from the first one of Open on.
func TestSIGKILLTakesNothingAnswered(t *testing.T) {
	kills := 12
	if chaostest.Full() {
		kills = 400
	}
	dir := t.TempDir()
	answered := make(map[uint64]string)
	for i := range kills {
		cmd := child(t, "append", dir)
		answers := -1
		switch i % 4 {
		case 0:
			answers = rand.IntN(3000)
		case 1:
			cmd.Env = append(cmd.Env, killEnv+"="+strconv.Itoa(1+rand.IntN(40)))
		case 2:
			cmd.Env = append(cmd.Env, killEnv+"="+strconv.Itoa(1+rand.IntN(20_000)))
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if i%4 == 3 {
			kill := time.AfterFunc(time.Duration(rand.IntN(60))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			defer kill.Stop()
		}
		for in := bufio.NewReader(out); ; answers-- {
			if answers == 0 {
				_ = cmd.Process.Kill()
			}
			seq, payload, err := readAnswer(in)
			if err != nil {
				break
			}
			if was, twice := answered[seq]; twice {
				t.Fatalf("number %d was answered for %q and for %q", seq, was, payload)
			}
			answered[seq] = payload
		}
		if err := cmd.Wait(); cmd.ProcessState.Exited() {
			t.Fatalf("the process ended by itself: %v", err)
		}
	}

	l := open(t, dir)
	if c := l.Corruptions(); len(c) > 0 {
		t.Fatal(c)
	}
	found := make(map[uint64]string)
	next := l.Cursor("a") + 1
	for _, e := range read(t, l, next) {
		first := e.seq
		switch {
		case e.gap == Gap{}:
			found[e.seq] = e.record
		case e.gap.Reason == ReasonDiskStalled: // with segments this small, a busy machine may be late with one
			first = e.gap.From
		default:
			t.Errorf("gap %+v, want none", e.gap)
		}
		if first != next {
			t.Fatalf("got number %d, want %d", first, next)
		}
		next = e.seq + 1
	}
	for seq, want := range answered {
		if seq >= next || seq > l.Cursor("a") && found[seq] != want {
			t.Errorf("number %d: got %q, answered for %q", seq, found[seq], want)
		}
	}
	chaostest.Report(t, "%d SIGKILLs of a process that appends; %d numbers answered, %d handed out, sink at %d", kills, len(answered), next-1, l.Cursor("a"))
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
