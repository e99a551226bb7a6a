package links

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fairlead/schema"
)

// A snapshot file, little endian: magic (8), version (4), length of the description (4), the
// description in JSON, length of the arena (8), the arena (see table), CRC-32C of all before (4).
const (
	snapshotMagic   = "FLLINKS\n"
	snapshotVersion = 2
	// Until this version slugs were kept folded only: everything is loaded anew as soon as Redis answers.
	snapshotFolded = 1
	snapshotFixed  = len(snapshotMagic) + 4 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type snapshot struct {
	meta  snapshotMeta
	links *table
}

type snapshotMeta struct {
	Epoch    string                  `json:"epoch"`
	Revision uint64                  `json:"revision"`
	Synced   time.Time               `json:"synced"`
	Program  *schema.Program         `json:"program"`
	Keys     []schema.StoredClickKey `json:"click_keys"`
	Barred   []schema.PartnerID      `json:"barred"`
	APIKeys  []schema.APIKey         `json:"api_keys"`
	Secret   schema.Secret           `json:"secret"`
}

var errDamaged = errors.New("it is damaged")

// readSnapshot reads a snapshot; the error wraps os.ErrNotExist when there is none.
func readSnapshot(name string) (*snapshot, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return decodeSnapshot(data)
}

// decodeSnapshot takes data over.
func decodeSnapshot(data []byte) (*snapshot, error) {
	if len(data) < snapshotFixed+8+4 || string(data[:len(snapshotMagic)]) != snapshotMagic {
		return nil, fmt.Errorf("%w: it does not begin like a snapshot", errDamaged)
	}
	v := binary.LittleEndian.Uint32(data[len(snapshotMagic):])
	if v > snapshotVersion {
		return nil, fmt.Errorf("it has version %d and this program knows %d: run the newer program, or delete the file", v, snapshotVersion)
	} else if v == 0 {
		return nil, fmt.Errorf("%w: version 0", errDamaged)
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, fmt.Errorf("%w: the checksum does not match", errDamaged)
	}
	n := uint64(binary.LittleEndian.Uint32(body[len(snapshotMagic)+4:]))
	rest := body[snapshotFixed:]
	if n+8 > uint64(len(rest)) {
		return nil, fmt.Errorf("%w: the description is longer than the file", errDamaged)
	}
	s := &snapshot{}
	if err := json.Unmarshal(rest[:n], &s.meta); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if v == snapshotFolded {
		s.meta.Epoch = ""
	}
	arena := rest[n+8:]
	if binary.LittleEndian.Uint64(rest[n:]) != uint64(len(arena)) {
		return nil, fmt.Errorf("%w: the links are longer or shorter than the file", errDamaged)
	}
	var err error
	if s.links, err = newTable(arena[:len(arena):len(arena)]); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return s, nil
}

// saveEvery is the shortest time between two snapshots.
const saveEvery = 5 * time.Second

// keepSaved writes snapshots until ctx is done, at most one every few seconds, and fewer when writing
// takes long.
func (d *Directory) keepSaved(ctx context.Context) {
	for pause := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(pause, saveEvery)):
		}
		began := time.Now()
		if err := d.save(); err != nil {
			d.log.Error("the snapshot of the links was not written: a restart without Redis would serve older links",
				"file", d.opt.Snapshot, "err", err)
		}
		pause = 100 * time.Since(began)
	}
}

// save writes the snapshot when something has changed since the last.
func (d *Directory) save() error {
	v := d.view.Load()
	if d.opt.Snapshot == "" || v == nil || v == d.saved {
		return nil
	}
	if err := d.write(v); err != nil {
		return err
	}
	d.saved = v
	return nil
}

// write replaces the snapshot, whole or not at all.
func (d *Directory) write(v *View) (err error) {
	f, err := os.CreateTemp(filepath.Dir(d.opt.Snapshot), filepath.Base(d.opt.Snapshot)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(d.encode(f, v), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), d.opt.Snapshot); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(d.opt.Snapshot))
}

func syncFolder(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// encode writes the snapshot of v.
func (d *Directory) encode(w io.Writer, v *View) error {
	meta, err := json.Marshal(snapshotMeta{
		Epoch:    v.epoch,
		Revision: v.revision,
		Synced:   d.Status().Synced,
		Program:  v.Program.stored,
		Keys:     v.Program.keys,
		Barred:   slices.Collect(maps.Keys(v.barred)),
		APIKeys:  slices.Collect(maps.Values(v.apiKeys)),
		Secret:   v.secret,
	})
	if err != nil {
		return err
	}
	arena := uint64(0)
	count := func(r []byte) bool { arena += uint64(len(r)); return true }
	v.base.each(v.replaced, count)
	v.over.each(nil, count)

	out := &summed{w: bufio.NewWriterSize(w, 1<<20), sum: crc32.New(castagnoli)}
	var head bytes.Buffer
	head.WriteString(snapshotMagic)
	head.Write(binary.LittleEndian.AppendUint32(nil, snapshotVersion))
	head.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(meta))))
	head.Write(meta)
	head.Write(binary.LittleEndian.AppendUint64(nil, arena))
	out.write(head.Bytes())
	v.base.each(v.replaced, out.write)
	v.over.each(nil, out.write)
	return out.finish()
}

// summed is a writer that knows the CRC of what went through it and keeps its first error.
type summed struct {
	w   *bufio.Writer
	sum hash.Hash32
	err error
}

func (s *summed) write(b []byte) bool {
	s.sum.Write(b)
	if s.err == nil {
		_, s.err = s.w.Write(b)
	}
	return s.err == nil
}

func (s *summed) finish() error {
	if s.err != nil {
		return s.err
	}
	if _, err := s.w.Write(binary.LittleEndian.AppendUint32(nil, s.sum.Sum32())); err != nil {
		return err
	}
	return s.w.Flush()
}
