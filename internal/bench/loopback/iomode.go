package loopback

import "sync"

// ioMode is how the kernel reads and writes an inode. Passthrough and cached opens of one inode exclude each other (the second
// open fails with EIO), so an inode keeps its mode until its last handle is gone.
type ioMode uint8

const (
	passthrough ioMode = iota
	cached
)

// openState is what is known of one inode that is open.
type openState struct {
	mode    ioMode
	handles int // from the reply to OPEN until RELEASE is done
	writers int // handles that may write
}

// openTable holds the inodes that are open, by inode number of the backing file. Safe for concurrent use.
type openTable struct {
	mu     sync.Mutex
	inodes map[uint64]*openState
	// releasing maps the cancel channel of a RELEASE in progress, which is unique to it, to the handle it releases. The mode may
	// change only after go-fuse itself has finished the release, and only the raw filesystem sees that moment.
	releasing map[<-chan struct{}]*handle
}

func newOpenTable() *openTable {
	return &openTable{inodes: map[uint64]*openState{}, releasing: map[<-chan struct{}]*handle{}}
}

// acquire counts a handle and returns its mode: the one in force, or want if the inode is not open.
func (t *openTable) acquire(ino uint64, want ioMode, writer bool) ioMode {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.inodes[ino]
	if s == nil {
		s = &openState{mode: want}
		t.inodes[ino] = s
	}
	s.handles++
	if writer {
		s.writers++
	}
	return s.mode
}

// written reports whether the inode is open for writing.
func (t *openTable) written(ino uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.inodes[ino]
	return s != nil && s.writers > 0
}

// releaseBegins notes which handle the request with this cancel channel releases.
func (t *openTable) releaseBegins(request <-chan struct{}, h *handle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.releasing[request] = h
}

// releaseEnds takes back what acquire counted for the handle that the request released.
func (t *openTable) releaseEnds(request <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.releasing[request]
	if h == nil {
		return
	}
	delete(t.releasing, request)
	s := t.inodes[h.ino]
	s.handles--
	if h.writer {
		s.writers--
	}
	if s.handles == 0 {
		delete(t.inodes, h.ino)
	}
}
