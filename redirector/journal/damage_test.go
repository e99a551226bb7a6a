package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestDamageOfEveryKind harms the second of several segments as disks, people and power losses do. Exactly the records whose
// bytes were touched are lost, and each of them is reported.
func TestDamageOfEveryKind(t *testing.T) {
	const page, sector = 4096, 512
	kinds := []struct {
		name string
		harm func(b []byte, p *patient) []byte
	}{
		{"a sector of zeros", func(b []byte, _ *patient) []byte { clear(b[sector : 2*sector]); return b }},
		{"a sector of ones", func(b []byte, _ *patient) []byte {
			copy(b[3*sector:], bytes.Repeat([]byte{0xff}, sector))
			return b
		}},
		{"all but the header zeros", func(b []byte, _ *patient) []byte { clear(b[segmentHeader:]); return b }},
		{"two sectors swapped", func(b []byte, _ *patient) []byte {
			first := slices.Clone(b[sector : 2*sector])
			copy(b[sector:], b[4*sector:5*sector])
			copy(b[4*sector:], first)
			return b
		}},
		{"a sector twice", func(b []byte, _ *patient) []byte { copy(b[2*sector:], b[5*sector:6*sector]); return b }},
		{"two records swapped", func(b []byte, p *patient) []byte {
			one, two := p.where[segmentName(2)][3], p.where[segmentName(2)][4]
			swapped := append(slices.Clone(b[two.off:two.end]), b[one.off:two.off]...)
			copy(b[one.off:], swapped[:two.end-one.off])
			return b
		}},
		{"a record once more in the place of the next", func(b []byte, p *patient) []byte {
			one, two := p.where[segmentName(2)][3], p.where[segmentName(2)][4]
			copy(b[two.off:two.end], b[one.off:one.end])
			return b
		}},
		{"a page of another segment", func(b []byte, p *patient) []byte {
			copy(b[segmentHeader:], p.files[segmentName(1)][segmentHeader:])
			return b
		}},
		{"garbage behind the end", func(b []byte, _ *patient) []byte {
			return append(b, bytes.Repeat([]byte("garbage "), page/8)...)
		}},
		{"zeros behind the end", func(b []byte, _ *patient) []byte { return append(b, make([]byte, 3*page)...) }},
		{"its own records once more behind the end", func(b []byte, _ *patient) []byte { return append(b, b[segmentHeader:]...) }},
	}
	for _, end := range ends {
		for _, kind := range kinds {
			t.Run(end.name+" "+kind.name, func(t *testing.T) {
				t.Parallel()
				p := newPatient(t, end.end)
				name := segmentName(2)
				was := p.files[name]
				harmed := kind.harm(slices.Clone(was), p)
				if err := os.WriteFile(filepath.Join(p.rig.dir, name), harmed, 0o600); err != nil {
					t.Fatal(err)
				}
				lost := make(map[uint64]bool)
				for _, r := range p.where[name] {
					if !bytes.Equal(was[r.off:r.end], harmed[r.off:r.end]) {
						lost[r.seq] = true
					}
				}
				p.check(t, lost, end.synced, kind.name)
			})
		}
	}
}

// TestADamagedHeaderIsReported although no record is lost by it.
func TestADamagedHeaderIsReported(t *testing.T) {
	for _, end := range ends {
		t.Run(end.name, func(t *testing.T) {
			p := newPatient(t, end.end)
			for _, name := range p.segments() {
				for off := range segmentHeader {
					restore(t, p.rig.dir, p.files)
					flip(t, filepath.Join(p.rig.dir, name), off)
					l := open(t, p.rig.dir, p.options)
					if told := l.Corruptions(); len(told) != 1 || told[0].File != name || told[0].To != 0 {
						t.Fatalf("%s flipped at %d: got %v, want its header reported and nothing lost", name, off, told)
					}
					kept := filepath.Join(p.rig.dir, quarantineName, name)
					if _, err := os.Stat(kept); err != nil {
						t.Fatalf("%s flipped at %d: not kept: %v", name, off, err)
					}
					if err := l.Close(); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}
