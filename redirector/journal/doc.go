// Package journal is a segmented append log of byte records. It knows nothing of what they mean.
//
// # Promise
//
//   - A record is safe from SIGKILL once Append has returned nil: it lies in the page cache. It is safe
//     from a power loss once its number is at or below Synced, at most Options.SyncEvery (100 ms) and one fsync later;
//     AppendSync returns only then.
//   - Records are numbered from 1 without a gap. A number that could not be recorded is used up all the
//     same, and a reader is told of it by a [Gap] with a reason from a closed set.
//   - No number is given to two records. Readers see nothing above Synced, and so nothing that a power loss could take back.
//   - Damage is reported as a [*CorruptionError] and read as a gap. Every record whose bytes are intact is still
//     delivered, and the damaged file is kept in the folder "quarantine".
//
// # Limits
//
// Records are at most [MaxRecordBytes] long. The directory belongs to one process at a time, on a local file system. The disk
// is trusted to keep what it said it had synced, and not to harm bytes beside those that it writes.
// Linux is the target; elsewhere it compiles and works without the look at the boot id, so that every
// unclean end counts as a power loss there.
//
// # Segments
//
// A segment is a file of fixed size, allocated for real (a sparse one would end the process with SIGBUS on a full disk) and mapped.
// Append copies into the mapping under a mutex that is never held across a system call; the next segment is made in the
// background. After a header come the records, each at a multiple of eight bytes:
//
//	crc 4 | length 3, kind 1 | seq 8 | lag 4 | unix seconds 4 | payload | padding
//
// The CRC32C covers header and payload and is seeded by a secret of the directory, the segment's number and the offset, so
// that neither a stale block nor a record quoted within a payload passes for a record. The lag says how far the
// record was ahead of Synced when it was appended: so the log itself tells what was known to be on
// disk, and a hole below that point is corruption, while one above it is what a power loss leaves.
//
// # Why no number is used twice
//
// Four things stand between a crash and a number used again:
//
//   - The file "live" is mapped too and holds the last number handed out. It survives SIGKILL, and counts only
//     if the machine's boot id is still the one that it was written under.
//   - The file "state" holds a reservation: no number above it is shown as synced before a higher one is on
//     disk, and it is raised while half of it is still unused. After a power loss the log goes on above the reservation. What was lost is thereby a gap with the reason
//     [ReasonPowerLoss]; it is an upper bound, the reservation being 1,024 numbers or eight rounds of the present traffic, whichever is more. (A burst
//     that hands out more than that between two syncs and then loses its power can leave lost numbers that were not shown as a gap. They were never shown to a reader either.)
//   - A clean Close writes down the exact end.
//   - A reader is bounded by Synced.
//
// # Nodes
//
// The directory's [NodeID] is made with it, together with the inode numbers and birth times of the directory and of the file "identity". Where these differ at Open, the
// journal is a copy or was restored: it says so and goes on under a new node id, from the first number
// that it has not got. The numbering runs on, so cursors keep their meaning, and a reader gets a gap from 1 up to the
// number before the new node's first, with the reason [ReasonCopied], at the new node's first entry. Entries that came with the copy keep the old node id ([Reader.Node]):
// the original may have sent them already, or may still do so, under that very (node, seq), so whoever ships them asks the store first. Two
// living copies that send at the same moment are beyond what a journal can prevent. A restored image of a whole disk keeps
// inode numbers and birth times and is not noticed here; the shipper sees other records under the same numbers and calls [Log.Renew],
// which carries the entries from a given number on over to a new node.
package journal
