package ship

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// aside is the folder that keeps records which this program cannot read, so that nothing is thrown away.
type aside struct{ dir string }

// keep appends a record to the folder's file of the node, one JSON object a line, and syncs it. A replay may
// write a record again.
func (a *aside) keep(node string, seq uint64, rec []byte, why error) error {
	line, err := json.Marshal(struct {
		Node   string `json:"node"`
		Seq    uint64 `json:"seq"`
		Error  string `json:"error"`
		Record []byte `json:"record"` // base64
	}{node, seq, why.Error(), rec})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return fmt.Errorf("keep an unreadable record aside: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(a.dir, node+".jsonl"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("keep an unreadable record aside: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("keep an unreadable record aside: %w", err)
	}
	return nil
}

// intent is the file that remembers how the batch in flight was cut, so that a process that is killed
// sends the same range, and with it the same token, the next time. It needs no sync: with the power
// the connection goes too, and what the store has is asked all the same.
type intent struct{ path string }

// Range is what the file holds.
type intentRange struct {
	Node  string `json:"node"`
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

func (i intent) write(r intentRange) error {
	if i.path == "" {
		return nil
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	tmp := i.path + ".new"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write down the batch: %w", err)
	}
	if err := os.Rename(tmp, i.path); err != nil {
		return fmt.Errorf("write down the batch: %w", err)
	}
	return nil
}

// read returns the range; a missing or damaged file is none, and the question to the store stands alone.
func (i intent) read() (r intentRange) {
	if i.path == "" {
		return r
	}
	b, err := os.ReadFile(i.path)
	if err != nil || json.Unmarshal(b, &r) != nil {
		return intentRange{}
	}
	return r
}
