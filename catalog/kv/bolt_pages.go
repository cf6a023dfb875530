package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
)

// The layout of bbolt's pages, in the byte order of the machine that wrote them.
const (
	pageHeader = 16 // id 8, flags 2, count 2, overflow 4
	elemSize   = 16 // branch: pos 4, ksize 4, page 8; leaf: flags 4, pos 4, ksize 4, vsize 4
	bucketSize = 16 // root page 8, sequence 8

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketElem   = 0x01
	metaMagic    = 0xED0CDAED
)

var native = binary.NativeEndian

type boltMeta struct {
	root, freelist, high, txid uint64
	damaged                    bool // the other one of the two
}

// meta returns the newer of the two valid meta pages.
func (w *walker) meta() (boltMeta, error) {
	var best boltMeta
	valid := 0
	for i := range int64(2) {
		b := make([]byte, 80)
		if _, err := w.r.ReadAt(b, i*w.size); err != nil {
			return best, fmt.Errorf("meta page %d: %w", i, err)
		}
		h := fnv.New64a()
		h.Write(b[16:72])
		if native.Uint32(b[16:]) != metaMagic || native.Uint64(b[72:]) != h.Sum64() {
			continue
		}
		m := boltMeta{root: native.Uint64(b[32:]), freelist: native.Uint64(b[48:]), high: native.Uint64(b[56:]), txid: native.Uint64(b[64:])}
		if valid++; valid == 1 || m.txid > best.txid {
			best = m
		}
	}
	if valid == 0 {
		return best, errors.New("both meta pages are damaged")
	}
	if best.high > 1<<40 {
		return best, fmt.Errorf("meta page: %d pages", best.high)
	}
	best.damaged = valid == 1
	return best, nil
}

// page is a page with its overflow, as it was read.
type page struct {
	id    uint64
	flags uint16
	count int
	size  int64  // bytes, the overflow included
	data  []byte // all of them, or what header has read
}

// read returns a page if its header is right, and reports it if not.
func (w *walker) read(id uint64, flags uint16) (p page, ok bool) {
	p, _, ok = w.header(id, flags)
	if !ok {
		return p, false
	}
	p.data = make([]byte, p.size)
	if _, err := w.r.ReadAt(p.data, int64(id)*w.size); err != nil {
		w.bad(id, "cannot be read: %v", err)
		return p, false
	}
	return p, true
}

// header is read for the first 32 bytes of a page. It returns in overflow how
// many pages it goes on for.
func (w *walker) header(id uint64, flags uint16) (p page, overflow uint64, ok bool) {
	if w.err == nil {
		w.err = w.ctx.Err()
	}
	if w.err != nil {
		return p, 0, false
	}
	if id < 2 || id >= w.high {
		w.bad(id, "out of range, the file has %d", w.high)
		return p, 0, false
	}
	b := make([]byte, pageHeader+elemSize)
	if _, err := w.r.ReadAt(b, int64(id)*w.size); err != nil {
		w.bad(id, "cannot be read: %v", err)
		return p, 0, false
	}
	p = page{id: native.Uint64(b), flags: native.Uint16(b[8:]), count: int(native.Uint16(b[10:])), data: b}
	overflow = uint64(native.Uint32(b[12:]))
	if p.id != id || p.flags&flags != p.flags || p.flags&(p.flags-1) != 0 || p.flags == 0 || id+overflow >= w.high {
		w.bad(id, "damaged header (number %d, kind %#x, %d more pages)", p.id, p.flags, overflow)
		return p, 0, false
	}
	p.size = (1 + int64(overflow)) * w.size
	return p, overflow, true
}

// cut returns n bytes at off, if they are inside b behind the header.
func cut(b []byte, off, n int64) ([]byte, bool) {
	if off < pageHeader || n < 0 || off+n > int64(len(b)) {
		return nil, false
	}
	return b[off : off+n : off+n], true
}
