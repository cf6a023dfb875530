package catalog

import (
	"fmt"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
)

// Inode names a node. Numbers are never used twice in a repository.
type Inode uint64

// Root is the inode of the drive's root directory.
const Root Inode = 1

// FileID names the file that a person means: it stays with the path when a
// program replaces the inode behind it. It is the number of the first inode that
// had it, or a number from the same sequence.
type FileID uint64

// Epoch numbers the group commits, from 1. The zero value is before the first.
type Epoch uint64

// Live is the epoch of the newest state, uncommitted groups included.
const Live Epoch = 1<<64 - 1

// Seq numbers the versions of a file, from 1.
type Seq uint32

// Time is a moment in nanoseconds since 1970 (UTC).
type Time int64

// TimeOf converts t.
func TimeOf(t time.Time) Time { return Time(t.UnixNano()) }

// Time converts back, in UTC.
func (t Time) Time() time.Time { return time.Unix(0, int64(t)).UTC() }

// The file type bits of Node.Mode, as in stat(2).
const (
	TypeMask    uint32 = 0o170000
	TypeSocket  uint32 = 0o140000
	TypeSymlink uint32 = 0o120000
	TypeRegular uint32 = 0o100000
	TypeBlock   uint32 = 0o060000
	TypeDir     uint32 = 0o040000
	TypeChar    uint32 = 0o020000
	TypeFIFO    uint32 = 0o010000
)

// Node is what stat(2) shows of an inode, and where its bytes are.
type Node struct {
	Mode                       uint32 // type and permission bits, as in stat(2)
	Nlink                      uint32
	UID                        uint32
	GID                        uint32
	Rdev                       uint32
	Size                       int64 // bytes
	Atime, Mtime, Ctime, Btime Time

	File   FileID
	Parent Inode  // of a directory; 0 for others, which may have several
	Target string // of a symbolic link

	// Content is the sealed content of a regular file; zero: never sealed.
	Content blob.ID
	// Gen is not 0 while the bytes of the node are a draft, newer than Content:
	// the file drafts/<ino>.<gen>.
	Gen uint32
	// LastGen is the highest generation that a draft of the node ever had.
	LastGen uint32
	// Seq is the version whose content is Content; 0: none.
	Seq Seq
	// Keep says what becomes of the node's bytes, by its name.
	Keep Keep
}

// Keep says what becomes of the bytes of a node.
type Keep uint8

// What becomes of bytes. A node that is not data has a draft and no versions.
const (
	KeepData   Keep = iota
	KeepStaged      // a program has not finished saving: data when it gets its right name
	KeepLocal       // dropped by a program beside the data
)

// Type returns the type bits of the mode.
func (n *Node) Type() uint32 { return n.Mode & TypeMask }

// IsDir reports whether n is a directory.
func (n *Node) IsDir() bool { return n.Type() == TypeDir }

// IsRegular reports whether n is a regular file.
func (n *Node) IsRegular() bool { return n.Type() == TypeRegular }

// Version is one save of a file.
type Version struct {
	File    FileID
	Seq     Seq
	Content blob.ID
	Size    int64 // bytes
	Mtime   Time  // of the content
	Saved   Time  // when the program saved it, as far as is known
	Sealed  Time  // when the version was committed
	Epoch   Epoch // that committed it: the attributes of the version are those at this epoch
	UID     uint32
	GID     uint32
	Program string // command line of the writer
	Note    string // e.g. "restored from version 3"
}

// Draft describes unsealed bytes: the file drafts/<ino>.<gen>.
type Draft struct {
	Inode   Inode
	Gen     uint32
	File    FileID // that the bytes will be a version of, when Detached
	Opened  Time   // by the writer
	UID     uint32
	GID     uint32
	Program string
	// Detached: the node has gone on (it was replaced, removed or truncated); the
	// bytes are a finished save that still has to become a version of File.
	Detached bool
	Mtime    Time // of a detached draft's content
	// Also are other files whose versions the bytes are as well, in the order in which
	// their paths were left: it is a finished save, and was moved.
	Also []FileID
}

// Pack describes an immutable object in the tiers.
type Pack struct {
	ID     blob.PackID
	Size   int64 // bytes
	Chunks int
	Sum    blob.ID // BLAKE3-256 of all that is before the trailer
	State  PackState
	Where  []Copy // in which tiers; none: it was stored before that was recorded
}

// PackState says how safe a pack is.
type PackState uint8

// The states of a pack.
const (
	PackStored PackState = 1 // durable in a tier
)

// ErrFormat: the catalog was written by a version of rdfs that this one does not know.
type ErrFormat struct{ Got, Want uint64 }

func (e ErrFormat) Error() string {
	return fmt.Sprintf("catalog: format %d, this rdfs reads %d: use a newer rdfs", e.Got, e.Want)
}
