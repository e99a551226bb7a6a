package journal

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
)

// makeNewer raises a file's version and makes its checksums right again.
func makeNewer(t *testing.T, path string, salt [16]byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if num, ok := parseSegmentName(filepath.Base(path)); ok {
		binary.LittleEndian.PutUint32(b[8:], formatVersion+1)
		binary.LittleEndian.PutUint32(b[60:], crc32.Update(seedOf(salt, num), castagnoli, b[:60]))
	} else {
		for slot := b; len(slot) > 0; slot = slot[len(b)/2:] {
			n := binary.LittleEndian.Uint32(slot[12:])
			binary.LittleEndian.PutUint32(slot[8:], formatVersion+1)
			sum := crc32.Update(crc32.Checksum(slot[:28], castagnoli), castagnoli, slot[slotHeader:slotHeader+n])
			binary.LittleEndian.PutUint32(slot[28:], sum)
		}
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
