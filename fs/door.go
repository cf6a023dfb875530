package fs

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/rdfs/rdfs/internal/volume"
)

// door is the file system as go-fuse calls it. Its methods run in many goroutines.
type door struct {
	fuse.RawFileSystem // answers ENOSYS to what is not implemented
	vol                *volume.Volume
	log                *slog.Logger
	shelves            map[string]Shelf
	server             *fuse.Server

	files    handles[*fileHandle]
	dirs     handles[*dirHandle]
	backing  backing
	virtual  virtualNodes
	views    views
	contents contents
	busy     sync.Map // names of snapshots that the kernel waits for, see changing
	requests atomic.Int64
}

func newDoor(vol *volume.Volume, o *Options) *door {
	d := &door{RawFileSystem: fuse.NewDefaultRawFileSystem(), vol: vol, log: o.Logger, shelves: o.Shelves}
	d.files.init()
	d.dirs.init()
	d.backing.init()
	d.virtual.init()
	d.views.init()
	d.contents.init()
	return d
}

// String implements fuse.RawFileSystem.
func (d *door) String() string { return "rdfs" }

// Init implements fuse.RawFileSystem.
func (d *door) Init(s *fuse.Server) { d.server = s }

// cacheFor is how long the kernel may believe what nobody else can change.
const cacheFor = time.Hour

// virtualFor is how long the kernel may believe what a virtual directory shows.
const virtualFor = time.Second

// request is the context of a request: it ends when the kernel interrupts it.
type request <-chan struct{}

func (r request) Deadline() (time.Time, bool) { return time.Time{}, false }
func (r request) Done() <-chan struct{}       { return r }
func (r request) Value(any) any               { return nil }
func (r request) Err() error {
	select {
	case <-r:
		return context.Canceled
	default:
		return nil
	}
}

func caller(h *fuse.InHeader) volume.Caller {
	return volume.Caller{UID: h.Uid, GID: h.Gid, PID: h.Pid}
}

// fillAttr writes attributes in the kernel's form.
func fillAttr(a *volume.Attr, out *fuse.Attr) {
	out.Ino = uint64(a.Ino)
	out.Size = uint64(a.Size)
	out.Blocks = uint64(a.Blocks)
	out.Atime, out.Atimensec = split(a.Atime)
	out.Mtime, out.Mtimensec = split(a.Mtime)
	out.Ctime, out.Ctimensec = split(a.Ctime)
	out.Mode = a.Mode
	out.Nlink = a.Nlink
	out.Uid, out.Gid = a.UID, a.GID
	out.Rdev = a.Rdev
	out.Blksize = 4096
}

func split(t volume.Time) (sec uint64, nsec uint32) {
	s, n := int64(t)/1e9, int64(t)%1e9
	if n < 0 {
		s, n = s-1, n+1e9
	}
	return uint64(s), uint32(n)
}

func joinTime(sec uint64, nsec uint32) volume.Time {
	return volume.Time(int64(sec)*1e9 + int64(nsec))
}

// setEntry fills the reply that names a live node.
func setEntry(a *volume.Attr, out *fuse.EntryOut) {
	out.NodeId = uint64(a.Ino)
	fillAttr(a, &out.Attr)
	out.SetEntryTimeout(cacheFor)
	if !a.Volatile {
		out.SetAttrTimeout(cacheFor)
	}
}

func setAttrOut(a *volume.Attr, out *fuse.AttrOut) {
	fillAttr(a, &out.Attr)
	if !a.Volatile {
		out.SetTimeout(cacheFor)
	}
}

func live(node uint64) (volume.Inode, bool) { return volume.Inode(node), node < firstVirtual }
