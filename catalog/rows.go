package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/rdfs/rdfs/internal/blob"
)

// Rows are sequences of unsigned varints, zig-zag varints (times), length-prefixed
// strings and fixed-size ids. A temporal row begins with born. Fields may be added
// at the end of a row: a reader passes over what it does not know.

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

var (
	errShort = errors.New("row ends too early")
	errRange = errors.New("number too large")
)

// reader reads the fields of a row. After an error all that it reads is zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail(errShort)
		return 0
	}
	r.b = r.b[n:]
	return v
}

// upTo reads a number that is at most limit.
func (r *reader) upTo(limit uint64) uint64 {
	v := r.uint()
	if v > limit {
		r.fail(errRange)
		return 0
	}
	return v
}

func (r *reader) uint32() uint32 { return uint32(r.upTo(math.MaxUint32)) }
func (r *reader) size() int64    { return int64(r.upTo(math.MaxInt64)) }

func (r *reader) int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail(errShort)
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail(errShort)
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

// fixed reads a big-endian number of n bytes.
func (r *reader) fixed(n uint64) (v uint64) {
	for _, b := range r.bytes(n) {
		v = v<<8 | uint64(b)
	}
	return v
}

func (r *reader) str() string { return string(r.bytes(r.uint())) }

func (r *reader) id() (id blob.ID) {
	copy(id[:], r.bytes(blob.IDSize))
	return id
}

// done returns an error that wraps blob.ErrCorrupt if the row did not have all that was read.
func (r *reader) done() error {
	if r.err != nil {
		return fmt.Errorf("%w: %w", blob.ErrCorrupt, r.err)
	}
	return nil
}

// split returns the epoch that a temporal row was born in, and the rest of the row.
func split(row []byte) (born Epoch, payload []byte) {
	v, n := binary.Uvarint(row)
	if n <= 0 || v == 0 {
		damaged("row without an epoch")
	}
	return Epoch(v), row[n:]
}

const (
	nodeHasContent = 1 << iota
	nodeHasTarget
	nodeStaged
	nodeLocal
)

func (n *Node) encode(w *writer) {
	var flags uint64
	if !n.Content.IsZero() {
		flags |= nodeHasContent
	}
	if n.Target != "" {
		flags |= nodeHasTarget
	}
	switch n.Keep {
	case KeepStaged:
		flags |= nodeStaged
	case KeepLocal:
		flags |= nodeLocal
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
	w.uint(uint64(n.LastGen))
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
	n.Mode = r.uint32()
	n.Nlink = r.uint32()
	n.UID = r.uint32()
	n.GID = r.uint32()
	n.Rdev = r.uint32()
	n.Size = r.size()
	n.Mtime = Time(r.int())
	n.Ctime = n.Mtime + Time(r.int())
	n.Atime = n.Mtime + Time(r.int())
	n.Btime = n.Mtime + Time(r.int())
	n.File = FileID(r.uint())
	n.Parent = Inode(r.uint())
	n.Gen = r.uint32()
	n.LastGen = r.uint32()
	n.Seq = Seq(r.uint32())
	if flags&nodeHasContent != 0 {
		n.Content = r.id()
	}
	if flags&nodeHasTarget != 0 {
		n.Target = r.str()
	}
	switch {
	case flags&nodeStaged != 0:
		n.Keep = KeepStaged
	case flags&nodeLocal != 0:
		n.Keep = KeepLocal
	}
	return r.done()
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
	v.Size = r.size()
	v.Mtime = Time(r.int())
	v.Sealed = Time(r.int())
	v.Epoch = Epoch(r.uint())
	v.UID = r.uint32()
	v.GID = r.uint32()
	v.Program = r.str()
	v.Note = r.str()
	v.Saved = Time(r.int())
	return r.done()
}

func (d *Draft) encode(w *writer) {
	w.uint(uint64(d.File))
	w.int(int64(d.Opened))
	w.uint(uint64(d.UID))
	w.uint(uint64(d.GID))
	w.str(d.Program)
	w.bool(d.Detached)
	w.int(int64(d.Mtime))
	first, more := FileID(0), d.Also
	if len(more) > 0 {
		first, more = more[0], more[1:]
	}
	w.uint(uint64(first))
	w.uint(uint64(len(more)))
	for _, f := range more {
		w.uint(uint64(f))
	}
}

func (d *Draft) decode(b []byte) error {
	r := reader{b: b}
	d.File = FileID(r.uint())
	d.Opened = Time(r.int())
	d.UID = r.uint32()
	d.GID = r.uint32()
	d.Program = r.str()
	d.Detached = r.uint() != 0
	d.Mtime = Time(r.int())
	if f := FileID(r.uint()); f != 0 {
		d.Also = append(d.Also, f)
	}
	if len(r.b) > 0 { // format 1 has one at most
		for range r.upTo(uint64(len(r.b))) {
			d.Also = append(d.Also, FileID(r.uint()))
		}
	}
	return r.done()
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
	copy(l.Pack[:], r.bytes(uint64(len(l.Pack))))
	l.Offset = r.uint32()
	l.Stored = r.uint32()
	l.Size = r.uint32()
	l.Kind = blob.Kind(r.upTo(math.MaxUint8))
	return l, r.done()
}

func (p *Pack) encode(w *writer) {
	w.uint(uint64(p.Size))
	w.uint(uint64(p.Chunks))
	w.uint(uint64(p.State))
	w.raw(p.Sum[:])
	if len(p.Where) == 0 {
		return
	}
	w.uint(uint64(len(p.Where)))
	for _, c := range p.Where {
		w.str(c.Tier)
		w.int(int64(c.Verified))
	}
}

func (p *Pack) decode(b []byte) error {
	r := reader{b: b}
	p.Size = r.size()
	p.Chunks = int(r.upTo(math.MaxInt32))
	p.State = PackState(r.upTo(math.MaxUint8))
	p.Sum = r.id()
	if len(r.b) > 0 { // rows of before there were several tiers end here
		for range r.upTo(uint64(len(r.b))) {
			p.Where = append(p.Where, Copy{Tier: r.str(), Verified: Time(r.int())})
		}
	}
	return r.done()
}
