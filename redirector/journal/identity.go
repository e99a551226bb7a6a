package journal

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sort"
)

// A NodeID names one journal: 16 lower-case hexadecimal characters, random, made with the directory.
type NodeID string

func newNodeID() NodeID {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return NodeID(hex.EncodeToString(b[:]))
}

const (
	identityName = "identity"
	identitySlot = 32 << 10
)

// An origin tells a file or directory from every copy of it. Devices are left out: they change with a reboot.
type origin struct {
	inode uint64
	birth int64 // ns since 1970; 0 where the file system does not keep it
}

func (o origin) same(p origin) bool {
	return o.inode == p.inode && (o.birth == p.birth || o.birth == 0 || p.birth == 0)
}

// An epoch is a node id with the first number that is its own. The log's numbers run on through its epochs.
type epoch struct {
	node   NodeID
	first  uint64
	reason reasonCode // of the gap 1 to first-1 under this node; 0 for the first epoch
}

// An identity is what makes a directory this journal.
type identity struct {
	dir, file origin
	salt      [16]byte
	epochs    []epoch // ascending by first; at least one
}

func (id identity) encode() []byte {
	b := make([]byte, 0, 256)
	for _, o := range []origin{id.dir, id.file} {
		b = binary.LittleEndian.AppendUint64(b, o.inode)
		b = binary.LittleEndian.AppendUint64(b, uint64(o.birth))
	}
	b = append(b, id.salt[:]...)
	for _, e := range id.epochs {
		b = append(b, e.node...)
		b = binary.LittleEndian.AppendUint64(b, e.first)
		b = binary.LittleEndian.AppendUint64(b, uint64(e.reason))
	}
	return b
}

func decodeIdentity(b []byte) (id identity, err error) {
	const head, each = 48, 32
	if len(b) < head+each || (len(b)-head)%each != 0 {
		return id, fmt.Errorf("identity of %d bytes", len(b))
	}
	for _, o := range []*origin{&id.dir, &id.file} {
		o.inode, o.birth = binary.LittleEndian.Uint64(b), int64(binary.LittleEndian.Uint64(b[8:]))
		b = b[16:]
	}
	copy(id.salt[:], b)
	for b = b[16:]; len(b) > 0; b = b[each:] {
		id.epochs = append(id.epochs, epoch{
			node: NodeID(b[:16]), first: binary.LittleEndian.Uint64(b[16:]), reason: reasonCode(b[24]),
		})
	}
	return id, nil
}

// createIdentity makes the file that says that the directory is complete. It is the last one to be made.
func createIdentity(d disk) (*slotFile, identity, error) {
	id := identity{epochs: []epoch{{node: newNodeID(), first: 1}}}
	_, _ = rand.Read(id.salt[:])
	const tmp = identityName + ".tmp"
	f, err := createSlotFile(d, tmp, identitySlot, id.encode())
	if err != nil {
		return nil, id, err
	}
	err = id.locate(d, tmp)
	if err == nil {
		err = f.writeBoth(id.encode())
	}
	if err == nil {
		err = d.rename(tmp, identityName)
	}
	if err == nil {
		err = d.syncDir()
	}
	if err != nil {
		return nil, id, errors.Join(fmt.Errorf("create journal file %s: %w", d.path(identityName), err), f.close())
	}
	f.name = identityName
	return f, id, nil
}

// locate notes where the identity lives now.
func (id *identity) locate(d disk, name string) (err error) {
	if id.dir, err = originOf(d.dir); err != nil {
		return err
	}
	id.file, err = originOf(d.path(name))
	return err
}

// moved tells whether the identity lies elsewhere than where it was made: in a copy.
func (id identity) moved(d disk) (bool, error) {
	now := id
	if err := now.locate(d, identityName); err != nil {
		return false, err
	}
	return !now.dir.same(id.dir) || !now.file.same(id.file), nil
}

// epochAt returns the index of the epoch that seq belongs to.
func epochAt(epochs []epoch, seq uint64) int {
	return max(0, sort.Search(len(epochs), func(i int) bool { return epochs[i].first > seq })-1)
}

// Node returns the id under which new records are numbered.
func (l *Log) Node() NodeID {
	epochs := *l.epochs.Load()
	return epochs[len(epochs)-1].node
}

// Renew moves every entry from the number from on to a new node id, for good: those that are recorded already keep
// their numbers and are read with the new id. It is for the case that a store holds other records under the old id
// and the same numbers, which happens when the image of a disk is restored. Numbers below from stay with the old
// node, as they were shipped under it.
//
// A reader that is past from goes on without having told the entries' new node: make a new one at from. Before its
// first entry under the new node it finds the gap 1 to from-1 with [ReasonRenewed].
func (l *Log) Renew(from uint64, why string) (NodeID, error) {
	l.renewMu.Lock()
	defer l.renewMu.Unlock()
	old := l.identity.epochs
	last := old[len(old)-1]
	if from < last.first || from > l.Appended()+1 {
		return "", fmt.Errorf("renew journal %s from %d: must lie from %d, the first of node %s, to %d",
			l.disk.dir, from, last.first, last.node, l.Appended()+1)
	}
	next := l.identity
	next.epochs = append(keepEpochs(old, l.lowest()), epoch{node: newNodeID(), first: from, reason: codeRenewed})
	if err := l.identityFile.writeBoth(next.encode()); err != nil {
		return "", fmt.Errorf("renew journal: %w", err)
	}
	l.identity = next
	l.epochs.Store(&next.epochs)
	l.log.Error("journal goes on under a new node id", "dir", l.disk.dir, "why", why,
		"old", last.node, "new", l.Node(), "first", from)
	return l.Node(), nil
}

// keepEpochs returns a copy of those epochs that entries from oldest on can belong to.
func keepEpochs(epochs []epoch, oldest uint64) []epoch {
	return append([]epoch(nil), epochs[epochAt(epochs, oldest):]...)
}

// adopt gives a copied journal its own node id, from first on.
func (l *Log) adopt(first uint64) error {
	next := l.identity
	old := next.epochs[len(next.epochs)-1]
	next.epochs = append(keepEpochs(next.epochs, l.lowest()), epoch{node: newNodeID(), first: first, reason: codeCopied})
	if err := next.locate(l.disk, identityName); err != nil {
		return err
	}
	if err := l.identityFile.writeBoth(next.encode()); err != nil {
		return err
	}
	l.identity = next
	l.epochs.Store(&next.epochs)
	l.log.Error("journal is a copy or was restored: it goes on under a new node id", "dir", l.disk.dir,
		"old", old.node, "new", l.Node(), "first", first)
	return nil
}

// errNew is loadIdentity's answer for a directory that is no journal yet.
var errNew = errors.New("journal is new")

// loadIdentity reads the identity.
func loadIdentity(d disk, segments int) (*slotFile, identity, *CorruptionError, error) {
	f, value, damaged, err := openSlotFile(d, identityName, identitySlot)
	var newer *VersionError
	if err == nil {
		var id identity
		if id, err = decodeIdentity(value); err == nil {
			return f, id, damaged, nil
		}
		err = errors.Join(err, f.close())
	}
	switch {
	case errors.As(err, &newer):
		return nil, identity{}, nil, err
	case errors.Is(err, os.ErrNotExist) && segments == 0:
		return nil, identity{}, nil, errNew
	}
	return nil, identity{}, damaged, &OriginError{Dir: d.dir, Err: err}
}
