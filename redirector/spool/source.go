package spool

import (
	"context"
	"fmt"
	"sync"

	"fairlead/redirector/journal"
	"fairlead/redirector/ship"
)

// Source is the records of a file, or a part of them, as ship takes them. They are all there from the beginning, and the
// stores are asked what they have of them.
type Source struct {
	File *File
	// First and Last are the seqs of the part, and All that of the file's last record. A sink begins before First.
	First, Last, All uint64
	// Open returns a reader of the records from a seq on, up to Last.
	Open func(from uint64) ship.Reader
	// Tell, if not nil, is told how far each sink is.
	Tell func(sink string, seq uint64)

	mu      sync.Mutex
	cursors map[string]uint64 // guarded by mu
}

var _ ship.Source = (*Source)(nil)

// Node is the file's.
func (s *Source) Node() journal.NodeID { return s.File.Node() }

// Appended is the number of the file's records.
func (s *Source) Appended() uint64 { return s.All }

// Synced is the last seq of the part.
func (s *Source) Synced() uint64 { return s.Last }

// WaitSynced waits for what will not come.
func (s *Source) WaitSynced(ctx context.Context, after uint64) (uint64, error) {
	if after < s.Last {
		return s.Last, nil
	}
	<-ctx.Done()
	return s.Last, ctx.Err()
}

// Cursor begins before First with every import.
func (s *Source) Cursor(sink string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.cursors[sink], s.First-1)
}

// Advance moves a sink's cursor.
func (s *Source) Advance(sink string, seq uint64) error {
	s.mu.Lock()
	if s.cursors == nil {
		s.cursors = make(map[string]uint64)
	}
	s.cursors[sink] = max(s.cursors[sink], seq)
	s.mu.Unlock()
	if s.Tell != nil {
		s.Tell(sink, seq)
	}
	return nil
}

// Renew refuses: a file's numbers are its own.
func (s *Source) Renew(from uint64, reason string) error {
	return fmt.Errorf("%s: the records in the store under %s from %d on were not made of this file by this program: %s", s.File.Name, s.Node(), from, reason)
}

// Reader reads the records from a seq on.
func (s *Source) Reader(from uint64) (ship.Reader, error) { return s.Open(from), nil }
