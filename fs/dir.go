package fs

import (
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/rdfs/rdfs/internal/volume"
)

// dirHandle is an open directory. An offset is the number of entries before it,
// "." and ".." included; the handle remembers a window of entries around the
// position, and the name at every step-th entry, so that it can go back. A walk
// continues after the last name it has seen, whatever changed meanwhile.
type dirHandle struct {
	mu     sync.Mutex
	list   func(after string, limit int, plus bool) ([]volume.Entry, error)
	fill   func(*volume.Entry, *fuse.EntryOut) // with attributes, and counts a lookup, or not at all
	ino    func(volume.Inode) uint64           // that stat(2) shows of an entry
	self   uint64                              // inode number that stat(2) shows
	parent func() uint64                       // the same of the directory above

	base   uint64         // offset of window[0]
	window []volume.Entry // entries that were read last
	plus   bool           // window has attributes
	end    bool           // nothing comes after the window
	marks  []string       // marks[k] is the name of the entry before offset 2+k*step
}

const (
	step      = 512 // entries read at a time
	keepNames = 2   // windows kept: the kernel comes back to the middle of one
	firstName = 2   // offset of the first entry after . and ..
)

// at returns the entry at an offset, or ok false at the end of the directory.
func (h *dirHandle) at(off uint64, plus bool) (e *volume.Entry, ok bool, err error) {
	if off < h.base || off > h.base+uint64(len(h.window)) || plus && !h.plus {
		if err := h.seek(off, plus); err != nil {
			return nil, false, err
		}
	}
	for off >= h.base+uint64(len(h.window)) {
		if h.end {
			return nil, false, nil
		}
		if err := h.more(plus); err != nil {
			return nil, false, err
		}
	}
	return &h.window[off-h.base], true, nil
}

// seek begins a new window at the last mark at or before the offset.
func (h *dirHandle) seek(off uint64, plus bool) error {
	k := int((off - firstName) / step)
	if k >= len(h.marks) {
		k = len(h.marks) - 1
	}
	if k < 0 || off == firstName {
		k, h.marks = 0, append(h.marks[:0], "")
	}
	h.base, h.window, h.end, h.plus = firstName+uint64(k)*step, nil, false, plus
	return h.more(plus)
}

// more reads the entries after the window.
func (h *dirHandle) more(plus bool) error {
	after := ""
	if len(h.window) > 0 {
		after = h.window[len(h.window)-1].Name
	} else if k := int((h.base - firstName) / step); k < len(h.marks) {
		after = h.marks[k]
	}
	next, err := h.list(after, step, plus)
	if err != nil {
		return err
	}
	if len(h.window) >= keepNames*step {
		drop := len(h.window) - step
		h.base += uint64(drop)
		h.window = append([]volume.Entry(nil), h.window[drop:]...)
	}
	h.window = append(h.window, next...)
	h.plus = plus
	h.end = len(next) < step
	if !h.end {
		if k := int((h.base + uint64(len(h.window)) - firstName) / step); k == len(h.marks) {
			h.marks = append(h.marks, next[len(next)-1].Name)
		}
	}
	return nil
}

// OpenDir implements fuse.RawFileSystem. The names are read when they are asked
// for, not here: a list from before a change would fill the kernel's cache after it.
func (d *door) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	i, ok := live(in.NodeId)
	if !ok {
		return d.openDirVirtual(&in.InHeader, out)
	}
	h := &dirHandle{
		list: func(after string, limit int, plus bool) ([]volume.Entry, error) {
			return d.vol.ReadDir(i, after, limit, plus)
		},
		fill:   func(e *volume.Entry, out *fuse.EntryOut) { setEntry(&e.Attr, out) },
		ino:    func(i volume.Inode) uint64 { return uint64(i) },
		self:   in.NodeId,
		parent: func() uint64 { p, _ := d.vol.Parent(i); return uint64(p) },
	}
	out.Fh = d.dirs.add(h)
	out.OpenFlags = fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE
	return fuse.OK
}

// ReleaseDir implements fuse.RawFileSystem.
func (d *door) ReleaseDir(in *fuse.ReleaseIn) { d.dirs.remove(in.Fh) }

// ReadDir implements fuse.RawFileSystem.
func (d *door) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return d.readDir(in, out, false)
}

// ReadDirPlus implements fuse.RawFileSystem.
func (d *door) ReadDirPlus(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return d.readDir(in, out, true)
}

func (d *door) readDir(in *fuse.ReadIn, out *fuse.DirEntryList, plus bool) fuse.Status {
	h, ok := d.dirs.get(in.Fh)
	if !ok {
		return fuse.EBADF
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	off := in.Offset
	if off == 0 {
		h.base, h.window, h.end, h.marks = firstName, nil, false, append(h.marks[:0], "")
	}
	for ; off < firstName; off++ {
		dot := fuse.DirEntry{Name: ".", Ino: h.self, Mode: fuse.S_IFDIR, Off: off + 1}
		if off == 1 {
			dot.Name, dot.Ino = "..", h.parent()
		}
		if plus {
			if e := out.AddDirLookupEntry(dot); e == nil {
				return fuse.OK
			}
		} else if !out.AddDirEntry(dot) {
			return fuse.OK
		}
	}
	for ; ; off++ {
		e, ok, err := h.at(off, plus)
		if err != nil {
			return d.report("readdir", in.NodeId, err)
		}
		if !ok {
			return fuse.OK
		}
		entry := fuse.DirEntry{Name: e.Name, Ino: h.ino(e.Ino), Mode: e.Mode, Off: off + 1}
		if !plus {
			if !out.AddDirEntry(entry) {
				return fuse.OK
			}
			continue
		}
		eo := out.AddDirLookupEntry(entry)
		if eo == nil {
			return fuse.OK
		}
		h.fill(e, eo)
	}
}

// FsyncDir implements fuse.RawFileSystem.
func (d *door) FsyncDir(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	if _, ok := live(in.NodeId); !ok {
		return fuse.OK
	}
	return d.report("fsyncdir", in.NodeId, d.vol.SyncNames(request(cancel)))
}
