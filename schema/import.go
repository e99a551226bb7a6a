package schema

import "time"

// KindImport is a file that was imported; id: hash of its node's name.
const KindImport Kind = "import"

// The kinds of records that files are imported as.
const (
	ImportClicks      = "clicks"
	ImportConversions = "conversions"
)

// Import is what has to be remembered of a file so that it is read every time as it was the first time: what was still in
// the future then, and whom the directory knew.
type Import struct {
	Node  string       `json:"node"` // hash of the decompressed file: its records stand under it
	What  string       `json:"what"`
	Takes []ImportTake `json:"takes"` // at least one
}

// ImportTake is a time at which records were taken from a file. What was not understood then for want of
// something in the directory can be taken later; the numbers go on where they were.
type ImportTake struct {
	At time.Time `json:"at"`
	// Version is that of the directory in which names were looked up; 0: none were.
	Version uint64 `json:"version,omitempty"`
	Rows    uint64 `json:"rows"` // records of this take
}
