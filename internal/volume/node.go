package volume

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/cache"
	"github.com/rdfs/rdfs/catalog"
)

// node is the state in memory of an inode in use. The catalog's row is the truth
// for everything that is not here.
type node struct {
	ino  catalog.Inode
	refs int // guarded by nodeTable.mu

	// mu guards everything below. The invariant: while opens > 0 the file behind
	// the node is one and the same file on disk, whatever its name is, and pass
	// does not change. The kernel relies on both.
	mu      sync.Mutex
	opens   int // handles, from the reply to their Open to their Release
	writers int // of these, open for writing
	pass    bool
	file    *os.File       // open for reading; nil: not open, not local, or not needed yet
	w       *os.File       // the same file, open for writing, while we need it and writers > 0
	stale   []*os.File     // files before this one, which reads may still use
	partial *cache.Partial // serves reads while the content arrives; then file is nil

	draft string // path of the file while it is a draft; "" when it is in the cache
	gen   uint32 // of the draft

	// seen is what fstat said of the draft when we last looked; over holds what
	// the kernel changed since the row was written.
	seen     stamp
	synced   stamp // what fstat said before the last fsync: nothing since then, nothing to make durable
	over     overlay
	pristine bool   // the draft holds the row's sealed content, byte for byte
	copied   copied // the draft is a copy of a sealed content
	changes  int    // counts what must be durable before an fsync of the node returns
	durable  int    // the value of changes that is durable

	orphan *orphan // not nil when the node has no name and is open
	job    *job    // that will seal the draft; nil when there is none
}

// orphan is a node without a name: unlinked while open, or made by O_TMPFILE.
type orphan struct {
	row   catalog.Node
	meta  catalog.Draft
	attrs map[string][]byte
	// detached: the draft is a finished save, which the sealer removes.
	detached bool
}

// stamp tells whether a file has changed: every write changes one of these.
type stamp struct {
	size         int64
	mtime, ctime catalog.Time
	blocks       int64
}

// same reports whether no byte can have changed between two stamps. The inode of the
// file may have: it was renamed, for instance.
func (s stamp) same(t stamp) bool { return s.size == t.size && s.mtime == t.mtime }

// disk returns how much room the file takes, in bytes.
func (s stamp) disk() int64 { return s.blocks * 512 }

// overlay is what the kernel did to the draft and the row does not say yet.
type overlay struct {
	valid        bool
	size         int64
	mtime, ctime catalog.Time
}

// writeFile returns the draft open for writing. The file that the kernel has is open
// for reading only: the kernel opens it anew for each handle, and that we ourselves
// are no writer lets us see whether others are (hasWriters). n.mu is held.
func (n *node) writeFile() (*os.File, error) {
	if n.w == nil {
		f, err := openFile(n.draft, os.O_RDWR)
		if err != nil {
			return nil, err
		}
		n.w = f
	}
	return n.w, nil
}

func fstat(f *os.File) (s stamp, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return s, &os.PathError{Op: "fstat", Path: f.Name(), Err: err}
	}
	return stampOf(&st), nil
}

func stampOf(st *unix.Stat_t) stamp {
	return stamp{size: st.Size, mtime: catalog.Time(st.Mtim.Nano()), ctime: catalog.Time(st.Ctim.Nano()), blocks: st.Blocks}
}

// observe looks at the draft and notes what the kernel changed since the last
// time. n.mu is held.
func (n *node) observe() error {
	if n.file == nil || n.draft == "" {
		return nil
	}
	s, err := fstat(n.file)
	if err != nil {
		return err
	}
	n.note(s)
	return nil
}

func (n *node) note(s stamp) {
	if s == n.seen {
		return
	}
	if s.mtime != n.seen.mtime || s.size != n.seen.size {
		n.over = overlay{valid: true, size: s.size, mtime: s.mtime, ctime: max(s.ctime, s.mtime)}
		n.pristine = false
	}
	n.seen = s
}

// settle takes what was observed into the row and reports whether that changed it.
func (n *node) settle(row *catalog.Node) bool {
	if !n.over.valid {
		return false
	}
	row.Size = n.over.size
	row.Mtime = n.over.mtime
	row.Ctime = max(row.Ctime, n.over.ctime)
	n.over = overlay{}
	return true
}

// show lays what was observed over the row, for a reader of attributes.
func (n *node) show(row *catalog.Node) {
	if n.over.valid {
		row.Size = n.over.size
		row.Mtime = n.over.mtime
		row.Ctime = max(row.Ctime, n.over.ctime)
	}
}

// changed notes that rows of the node were written that an fsync must wait for.
func (n *node) changed() { n.changes++ }

// quiet returns for how long the node must rest before it is sealed: seal_after,
// and for a file that takes long to seal as long as the last seal took, so that a
// large file that is saved again and again does not keep a worker busy for ever.
func (v *Volume) quiet(last time.Duration) time.Duration { return max(v.o.SealAfter, last) }
