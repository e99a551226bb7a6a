package ship

import (
	"encoding/binary"
	"fmt"
	"io"
	"unsafe"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
)

// Columns grow by appending and go to the driver a whole column at a time. The driver's own way for
// LowCardinality, Enum8 and DateTime64 takes each value through an interface, reflection and a map of interfaces (10
// such columns cost more than the rest of a row together, see BenchmarkBatchSend); so these
// are laid out here in ClickHouse's native form, from which the driver's columns read themselves.

// text is a column of strings.
type text struct {
	bytes []byte
	ends  []uint32
}

func (c *text) add(v []byte) {
	c.bytes = append(c.bytes, v...)
	c.ends = append(c.ends, uint32(len(c.bytes)))
}

func (c *text) at(i int) []byte {
	from := uint32(0)
	if i > 0 {
		from = c.ends[i-1]
	}
	return c.bytes[from:c.ends[i]]
}

func (c *text) addFrom(o *text, i int) { c.add(o.at(i)) }

func (c *text) reset() { c.bytes, c.ends = c.bytes[:0], c.ends[:0] }

func (c *text) send(to column.Interface, s *scratch) error {
	s.strings = s.strings[:0]
	for i := range c.ends {
		s.strings = append(s.strings, asString(c.at(i)))
	}
	_, err := to.Append(s.strings) // the driver copies
	return err
}

// dict is a column of few different strings. Its first value is "", as ClickHouse has it.
type dict struct {
	keys   []uint32
	values []string
	index  map[string]uint32
	last   string // of the last row, whose key is kept: neighbours are often alike
	lastK  uint32
}

func (c *dict) add(v string) {
	if unsafe.StringData(v) == unsafe.StringData(c.last) && len(v) == len(c.last) {
		c.keys = append(c.keys, c.lastK)
		return
	}
	k, ok := c.index[v]
	if !ok {
		k = c.insert(v)
	}
	c.last, c.lastK = v, k
	c.keys = append(c.keys, k)
}

// addBytes is add for bytes that will not stay.
func (c *dict) addBytes(v []byte) {
	if len(v) == 0 {
		c.keys = append(c.keys, 0)
		return
	}
	k, ok := c.index[string(v)]
	if !ok {
		k = c.insert(string(v))
	}
	c.keys = append(c.keys, k)
}

func (c *dict) insert(v string) uint32 {
	if v == "" {
		return 0
	}
	if c.index == nil {
		c.index = make(map[string]uint32)
	}
	c.values = append(c.values, v)
	k := uint32(len(c.values))
	c.index[v] = k
	return k
}

func (c *dict) at(i int) string {
	if k := c.keys[i]; k > 0 {
		return c.values[k-1]
	}
	return ""
}

func (c *dict) addFrom(o *dict, i int) { c.add(o.at(i)) }

func (c *dict) reset() {
	clear(c.index)
	clear(c.values)
	*c = dict{keys: c.keys[:0], values: c.values[:0], index: c.index}
}

// Marks of ClickHouse's SerializationLowCardinality: the block brings its own keys, and a dictionary with them.
const lowCardinalityHasKeys = 1<<9 | 1<<10

func (c *dict) send(to column.Interface, s *scratch) error {
	if _, ok := to.(*column.LowCardinality); !ok {
		s.strings = s.strings[:0]
		for i := range c.keys {
			s.strings = append(s.strings, c.at(i))
		}
		_, err := to.Append(s.strings)
		return err
	}
	var width int
	var mark uint64
	switch n := len(c.values) + 1; {
	case n <= 1<<8:
		width, mark = 1, 0
	case n <= 1<<16:
		width, mark = 2, 1
	default:
		width, mark = 4, 2
	}
	b := s.bytes[:0]
	b = binary.LittleEndian.AppendUint64(b, lowCardinalityHasKeys|mark)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(c.values)+1))
	b = append(b, 0) // ""
	for _, v := range c.values {
		b = binary.AppendUvarint(b, uint64(len(v)))
		b = append(b, v...)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(len(c.keys)))
	switch width {
	case 1:
		for _, k := range c.keys {
			b = append(b, byte(k))
		}
	case 2:
		for _, k := range c.keys {
			b = binary.LittleEndian.AppendUint16(b, uint16(k))
		}
	default:
		for _, k := range c.keys {
			b = binary.LittleEndian.AppendUint32(b, k)
		}
	}
	s.bytes = b
	return s.decode(to, len(c.keys))
}

// scratch is room that the columns of one insert use in turn.
type scratch struct {
	strings []string
	bytes   []byte
	unread  []byte
	reader  *proto.Reader
}

// decode lets a driver's column read s.bytes.
func (s *scratch) decode(to column.Interface, rows int) error {
	if s.reader == nil {
		s.reader = proto.NewReader((*unread)(s))
	}
	s.unread = s.bytes
	if err := to.Decode(s.reader, rows); err != nil {
		return fmt.Errorf("column %s: %w", to.Name(), err)
	}
	if len(s.unread) > 0 {
		return fmt.Errorf("BUG: column %s of type %s left %d bytes unread", to.Name(), to.Type(), len(s.unread))
	}
	return nil
}

// unread reads what of scratch.bytes the decoder has not had.
type unread scratch

func (u *unread) Read(p []byte) (int, error) {
	if len(u.unread) == 0 {
		return 0, io.EOF
	}
	n := copy(p, u.unread)
	u.unread = u.unread[n:]
	return n, nil
}

func sendInt8(to column.Interface, v []int8, s *scratch) error {
	s.bytes = s.bytes[:0]
	for _, x := range v {
		s.bytes = append(s.bytes, byte(x))
	}
	return s.decode(to, len(v))
}

func sendInt64(to column.Interface, v []int64, s *scratch) error {
	s.bytes = s.bytes[:0]
	for _, x := range v {
		s.bytes = binary.LittleEndian.AppendUint64(s.bytes, uint64(x))
	}
	return s.decode(to, len(v))
}

// asString gives bytes that will not change the type that the driver wants.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
