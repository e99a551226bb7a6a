// Package journal is a segmented append log of byte records. It knows nothing of what they mean.
//
// # Promise
//
//   - A record is safe from SIGKILL once Append has returned nil: it lies in the page cache. It is safe from a power loss
//     once its number is at or below Synced, which is at most Options.SyncEvery (100 ms) and one fsync later. AppendSync
//     returns only then.
//   - Records are numbered from 1 without a gap. A number that could not be recorded is used up all the same, and readers
//     are told of it by a [Gap] with a reason from a closed set.
//   - No two records get one number. Readers see nothing above Synced, and so nothing that a power loss could take back.
//   - Damage is reported as a [*CorruptionError] and read as a gap. Every record whose bytes are intact is delivered, and
//     the damaged file stays in the folder "quarantine" until somebody looks at it.
//
// # Limits
//
// Records are at most [MaxRecordBytes] long. The directory belongs to one process at a time and lies on a local file
// system. The disk is trusted to keep what it said it had synced, and not to harm the bytes beside those that it writes.
// While it refuses to sync, records are taken into the page cache, nothing is shown to readers, and the sync is tried
// again. Where a file system copies on write, allocated space can still run out: the append that meets this uses up its
// number instead of dying of SIGBUS. A file system that is taken away and comes back without a reboot looks
// like a crash; what its page cache lost above Synced is then not told as a gap. Linux is the target; elsewhere the
// package compiles and works without the boot id, so that every unclean end counts as a power loss.
//
// # Segments
//
// A segment is a file of fixed size, allocated for real (a sparse one would end the process with SIGBUS on a full disk)
// and mapped. Append copies into the mapping under a mutex that is never held across a system call; the next segment is
// made in the background, and pages are made writable ahead of their use. After a header come the records, each at a
// multiple of eight bytes:
//
//	crc 4 | length 3, kind 1 | seq 8 | lag 4 | unix seconds 4 | payload | padding
//
// The CRC32C covers header and payload and is seeded with a secret of the directory, the segment's number and the offset,
// so that neither a stale block nor a record quoted within a payload passes for a record. A damaged record is therefore
// no end: the reader looks for the next intact one. The lag is how far the record was ahead of Synced when it was
// appended. So the log itself tells what was on disk: a hole below that point is corruption, one above it is what a
// power loss leaves. Recovery keeps the reasons of the latter in the file "holes"; every other hole is corruption.
//
// A start never writes into an old segment. Close and recovery give back the zeros at a segment's end; bytes that are
// anything else are left alone, or moved to quarantine when nothing readable is with them.
//
// # Why no number is used twice
//
//   - The file "live" is mapped too and holds the last number handed out. It survives SIGKILL, and counts only under the
//     boot id that it was written with.
//   - The file "state" holds a reservation: no number above it is shown as synced before a higher one is on disk, and it
//     is raised while half of it is unused. After a power loss the log goes on above it, and what lies between is a gap
//     with [ReasonPowerLoss]. The gap is an upper bound: the reservation is 1,024 numbers, or eight rounds of the
//     present traffic if that is more. A burst that hands out more within one round, and then loses its power, can leave
//     lost numbers without a gap; they were never shown to a reader.
//   - Close writes down the exact end.
//   - Numbers that wait for room are noted in "live", and by Close in "state", until they stand in a segment as a gap.
//
// The files "state", "cursors", "holes" and "identity" have two slots that are written in turn, and their space from the
// start, so that a full disk stops neither the cursors nor recovery. The cursors are on disk before a segment goes.
//
// # Nodes
//
// The directory's [NodeID] is made with it. The file "identity" also holds the inode numbers and birth times of the
// directory and of itself. Where these differ at Open, the journal is a copy or was restored: it says so loudly and goes
// on under a new node id from the next number on. The numbering runs on, so that cursors keep their meaning, and right
// before the new node's first entry readers get the gap from 1 to the number before it, with [ReasonCopied].
//
// Entries that came with the copy keep the old node id ([Reader.Node]). The original may have shipped them under that
// (node, seq), or may yet do so; whoever ships them from the copy asks the store first, as after any unsure end. Two
// living copies that send at the same moment are beyond what a journal can prevent.
//
// The restored image of a whole disk keeps inode numbers and birth times and is not noticed here. The shipper notices, by
// other records under the same numbers, and calls [Log.Renew], which carries the entries from a given number on over to a
// new node without moving a byte.
package journal
