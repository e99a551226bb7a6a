package journal

import (
	"encoding/binary"
	"slices"
	"sort"
)

// A Gap is a run of numbers, both ends included, that hold no record.
type Gap struct {
	From, To uint64
	Reason   string // one of Reasons
}

// The reasons a gap can have.
const (
	ReasonDiskFull       = "disk_full"        // no space for the next segment
	ReasonBoundReached   = "bound_reached"    // Options.MaxBytes
	ReasonDiskError      = "disk_error"       // the next segment could not be made for another reason
	ReasonDiskStalled    = "disk_stalled"     // the next segment was not there in time
	ReasonRecordTooLarge = "record_too_large" // longer than MaxRecordBytes
	ReasonCorrupt        = "corrupt"          // was recorded, and its bytes were found damaged
	ReasonPowerLoss      = "power_loss"       // above the synced watermark when the machine stopped, or never used
	ReasonCopied         = "copied"           // belongs to the node that this journal is a copy of
	ReasonRenewed        = "renewed"          // belongs to the node that this journal was before Renew
)

// reasonCodes maps the names to the codes used on disk: the index. Code 0 stands for none.
var reasonCodes = [...]string{
	"", ReasonDiskFull, ReasonBoundReached, ReasonDiskError, ReasonDiskStalled,
	ReasonRecordTooLarge, ReasonCorrupt, ReasonPowerLoss, ReasonCopied, ReasonRenewed,
}

// Reasons returns every reason a gap can have.
func Reasons() []string { return slices.Clone(reasonCodes[1:]) }

type reasonCode uint8

const (
	codeDiskFull reasonCode = iota + 1
	codeBoundReached
	codeDiskError
	codeDiskStalled
	codeRecordTooLarge
	codeCorrupt
	codePowerLoss
	codeCopied
	codeRenewed
)

func (c reasonCode) known() bool { return c > 0 && int(c) < len(reasonCodes) }

func (c reasonCode) String() string {
	if !c.known() {
		return ReasonCorrupt
	}
	return reasonCodes[c]
}

// A run is the beginning of a gap that is not in the log yet; it ends before the next run, or at the
// last number handed out.
type run struct {
	from   uint64
	reason reasonCode
}

// maxRuns bounds the runs that wait for a segment. When they are used up, the last one goes on under its reason.
const maxRuns = 4

// A span is an explained hole.
type span struct {
	from, to uint64
	reason   reasonCode
}

// The explained holes are those that recovery found above the synced watermark. Every other
// hole in the log is corruption. They are kept in the file "holes", ascending and disjoint.
type holes []span

const spanBytes = 24

func (h holes) encode() []byte {
	b := make([]byte, 0, len(h)*spanBytes)
	for _, s := range h {
		b = binary.LittleEndian.AppendUint64(b, s.from)
		b = binary.LittleEndian.AppendUint64(b, s.to)
		b = binary.LittleEndian.AppendUint64(b, uint64(s.reason))
	}
	return b
}

func decodeHoles(b []byte) holes {
	var h holes
	for ; len(b) >= spanBytes; b = b[spanBytes:] {
		h = append(h, span{
			from:   binary.LittleEndian.Uint64(b),
			to:     binary.LittleEndian.Uint64(b[8:]),
			reason: reasonCode(b[16]),
		})
	}
	return h
}

// at explains seq: the reason, or 0 if there is none, and the last number up to limit for which the same answer
// holds.
func (h holes) at(seq, limit uint64) (reasonCode, uint64) {
	i := sort.Search(len(h), func(i int) bool { return h[i].to >= seq })
	switch {
	case i == len(h) || h[i].from > limit:
		return 0, limit
	case h[i].from > seq:
		return 0, h[i].from - 1
	}
	return h[i].reason, min(h[i].to, limit)
}

// since returns the holes that end at seq or later.
func (h holes) since(seq uint64) holes {
	i := sort.Search(len(h), func(i int) bool { return h[i].to >= seq })
	return slices.Clone(h[i:])
}
