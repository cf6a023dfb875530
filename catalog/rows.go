package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rdfs/rdfs/internal/blob"
)

// Rows are sequences of unsigned varints, zig-zag varints (times), length-prefixed
// strings and fixed-size ids. A temporal row begins with born. Fields may be added
// at the end of a row: a reader takes missing ones as zero.

type writer []byte

func (w *writer) uint(v uint64) { *w = binary.AppendUvarint(*w, v) }
func (w *writer) int(v int64)   { *w = binary.AppendVarint(*w, v) }
func (w *writer) str(s string)  { w.uint(uint64(len(s))); *w = append(*w, s...) }
func (w *writer) raw(p []byte)  { *w = append(*w, p...) }
func (w *writer) bool(b bool) {
	if b {
		w.uint(1)
	} else {
		w.uint(0)
	}
}

var errShort = errors.New("row ends too early")

type reader struct {
	b   []byte
	err error
}

func (r *reader) uint() uint64 {
	if len(r.b) == 0 {
		return 0 // a field that an older writer did not know
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.err, r.b = errShort, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) int() int64 {
	if len(r.b) == 0 {
		return 0
	}
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.err, r.b = errShort, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.err, r.b = errShort, nil
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) str() string { return string(r.bytes(int(r.uint()))) }

func (r *reader) id() (id blob.ID) {
	copy(id[:], r.bytes(blob.IDSize))
	return id
}

func (r *reader) done(what string) error {
	if r.err != nil {
		return fmt.Errorf("catalog: %s: %w: %w", what, blob.ErrCorrupt, r.err)
	}
	return nil
}

func bornOf(row []byte) Epoch {
	v, _ := binary.Uvarint(row)
	return Epoch(v)
}

// payload returns a temporal row without its born.
func payload(row []byte) []byte {
	_, n := binary.Uvarint(row)
	return row[max(n, 0):]
}

const (
	nodeHasContent = 1 << iota
	nodeHasTarget
)

func (n *Node) encode(w *writer) {
	var flags uint64
	if !n.Content.IsZero() {
		flags |= nodeHasContent
	}
	if n.Target != "" {
		flags |= nodeHasTarget
	}
	w.uint(flags)
	w.uint(uint64(n.Mode))
	w.uint(uint64(n.Nlink))
	w.uint(uint64(n.UID))
	w.uint(uint64(n.GID))
	w.uint(uint64(n.Rdev))
	w.uint(uint64(n.Size))
	// The four times are mostly near each other: the first whole, the others as differences.
	w.int(int64(n.Mtime))
	w.int(int64(n.Ctime - n.Mtime))
	w.int(int64(n.Atime - n.Mtime))
	w.int(int64(n.Btime - n.Mtime))
	w.uint(uint64(n.File))
	w.uint(uint64(n.Parent))
	w.uint(uint64(n.Gen))
	w.uint(uint64(n.Seq))
	if flags&nodeHasContent != 0 {
		w.raw(n.Content[:])
	}
	if flags&nodeHasTarget != 0 {
		w.str(n.Target)
	}
}

func (n *Node) decode(b []byte) error {
	r := reader{b: b}
	flags := r.uint()
	n.Mode = uint32(r.uint())
	n.Nlink = uint32(r.uint())
	n.UID = uint32(r.uint())
	n.GID = uint32(r.uint())
	n.Rdev = uint32(r.uint())
	n.Size = int64(r.uint())
	n.Mtime = Time(r.int())
	n.Ctime = n.Mtime + Time(r.int())
	n.Atime = n.Mtime + Time(r.int())
	n.Btime = n.Mtime + Time(r.int())
	n.File = FileID(r.uint())
	n.Parent = Inode(r.uint())
	n.Gen = uint32(r.uint())
	n.Seq = Seq(r.uint())
	if flags&nodeHasContent != 0 {
		n.Content = r.id()
	}
	if flags&nodeHasTarget != 0 {
		n.Target = r.str()
	}
	return r.done("node row")
}

func (v *Version) encode(w *writer) {
	w.raw(v.Content[:])
	w.uint(uint64(v.Size))
	w.int(int64(v.Mtime))
	w.int(int64(v.Sealed))
	w.uint(uint64(v.Epoch))
	w.uint(uint64(v.UID))
	w.uint(uint64(v.GID))
	w.str(v.Program)
	w.str(v.Note)
	w.int(int64(v.Saved))
}

func (v *Version) decode(b []byte) error {
	r := reader{b: b}
	v.Content = r.id()
	v.Size = int64(r.uint())
	v.Mtime = Time(r.int())
	v.Sealed = Time(r.int())
	v.Epoch = Epoch(r.uint())
	v.UID = uint32(r.uint())
	v.GID = uint32(r.uint())
	v.Program = r.str()
	v.Note = r.str()
	v.Saved = Time(r.int())
	return r.done("version row")
}

func (d *Draft) encode(w *writer) {
	w.uint(uint64(d.File))
	w.int(int64(d.Opened))
	w.uint(uint64(d.UID))
	w.uint(uint64(d.GID))
	w.str(d.Program)
	w.bool(d.Detached)
	w.int(int64(d.Mtime))
	w.uint(uint64(d.Also))
}

func (d *Draft) decode(b []byte) error {
	r := reader{b: b}
	d.File = FileID(r.uint())
	d.Opened = Time(r.int())
	d.UID = uint32(r.uint())
	d.GID = uint32(r.uint())
	d.Program = r.str()
	d.Detached = r.uint() != 0
	d.Mtime = Time(r.int())
	d.Also = FileID(r.uint())
	return r.done("draft row")
}

func encodeLocation(w *writer, l blob.Location) {
	w.raw(l.Pack[:])
	w.uint(uint64(l.Offset))
	w.uint(uint64(l.Stored))
	w.uint(uint64(l.Size))
	w.uint(uint64(l.Kind))
}

func decodeLocation(b []byte) (l blob.Location, err error) {
	r := reader{b: b}
	copy(l.Pack[:], r.bytes(len(l.Pack)))
	l.Offset = uint32(r.uint())
	l.Stored = uint32(r.uint())
	l.Size = uint32(r.uint())
	l.Kind = blob.Kind(r.uint())
	return l, r.done("chunk row")
}

func (p *Pack) encode(w *writer) {
	w.uint(uint64(p.Size))
	w.uint(uint64(p.Chunks))
	w.uint(uint64(p.State))
	w.raw(p.Sum[:])
}

func (p *Pack) decode(b []byte) error {
	r := reader{b: b}
	p.Size = int64(r.uint())
	p.Chunks = int(r.uint())
	p.State = PackState(r.uint())
	p.Sum = r.id()
	return r.done("pack row")
}
