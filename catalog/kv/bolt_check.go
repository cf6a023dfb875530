package kv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rdfs/rdfs/internal/blob"
)

// This file reads the pages of a bbolt file with pread, without bbolt. bbolt
// trusts its pages: a bad reference can send it round in circles until memory
// is gone, and a bad freelist makes it overwrite live pages. bbolt's own check
// also cannot run beside commits.

// inspect verifies the structure of the file before bbolt walks it: everything
// but what is inside the leaves, of which it reads only the headers.
func (e *boltEngine) inspect() error {
	var first error
	err := e.walk(context.Background(), false, func(problem string) {
		if first == nil {
			first = fmt.Errorf("%w: %s", blob.ErrCorrupt, problem)
		}
	})
	if err != nil {
		return err
	}
	return first
}

// Check reads every page and the log, and verifies every row.
func (e *boltEngine) Check(ctx context.Context, report func(problem string)) error {
	err := e.walk(ctx, true, report)
	if err == nil {
		err = e.checkLog(report)
	}
	if err != nil {
		return fmt.Errorf("check %s: %w", e.path, err)
	}
	return nil
}

func (e *boltEngine) walk(ctx context.Context, full bool, report func(string)) error {
	if err := e.isBroken(); err != nil {
		return err
	}
	// The read transaction keeps the pages of its state from being reused. Its
	// meta stays in the file only until the commit after the next.
	e.commit.Lock()
	tx, err := e.begin()
	if err != nil {
		e.commit.Unlock()
		return err
	}
	defer e.end(tx)
	w := &walker{ctx: ctx, r: e.file, size: int64(e.db.Info().PageSize), full: full, report: report}
	m, err := w.meta()
	e.commit.Unlock()
	if err != nil {
		report(err.Error())
		return nil
	}
	if m.damaged {
		e.logger.Warn("one of two meta pages is damaged; if it was the newer one, the last commit is missing", "store", e.path)
	}
	info, err := e.file.Stat()
	if err != nil {
		return err
	}
	if have, want := info.Size(), int64(m.high)*w.size; have < want {
		report(fmt.Sprintf("the file has %d bytes, %d are missing", have, want-have))
		return nil
	}
	w.high = m.high
	w.used = make([]uint64, m.high/64+1)
	w.tree(m.root, "", nil, nil)
	w.headers()
	w.freelist(m.freelist)
	return w.err
}

type walker struct {
	ctx    context.Context
	r      io.ReaderAt
	size   int64 // of a page
	high   uint64
	full   bool
	used   []uint64 // one bit per page that is part of the tree
	leaves []uint64 // left for headers
	report func(string)
	err    error // why the walk was given up
}

func (w *walker) bad(page uint64, format string, a ...any) {
	w.report(fmt.Sprintf("page %d: ", page) + fmt.Sprintf(format, a...))
}

// use marks pages as part of the tree; each may be only once.
func (w *walker) use(id, n uint64) bool {
	for ; n > 0; id, n = id+1, n-1 {
		if id >= w.high {
			w.bad(id, "out of range, the file has %d", w.high)
			return false
		}
		if w.isUsed(id) {
			w.bad(id, "is referred to twice")
			return false
		}
		w.used[id/64] |= 1 << (id % 64)
	}
	return true
}

func (w *walker) isUsed(id uint64) bool { return w.used[id/64]&(1<<(id%64)) != 0 }

// tree walks a page and what is below it. Its keys are at least lo and, unless
// hi is nil, less than hi. bucket is empty for the tree of buckets.
func (w *walker) tree(id uint64, bucket string, lo, hi []byte) {
	p, ok := w.read(id, branchPage|leafPage)
	if !ok || !w.use(id, uint64(int64(len(p.data))/w.size)) {
		return
	}
	if p.flags == leafPage {
		w.leaf(p, bucket, lo, hi)
		return
	}
	w.branch(p, bucket, lo, hi)
}

func (w *walker) branch(p page, bucket string, lo, hi []byte) {
	type child struct {
		key  []byte
		page uint64
	}
	if !w.packed(p) {
		return
	}
	children := make([]child, 0, p.count)
	for at, i := int64(pageHeader+p.count*elemSize), 0; i < p.count; i++ {
		off := int64(pageHeader + i*elemSize)
		e := p.data[off:]
		key, ok := cut(p.data, off+int64(native.Uint32(e)), int64(native.Uint32(e[4:])))
		if !ok || off+int64(native.Uint32(e)) != at || !ordered(i, key, lo, hi) {
			w.bad(p.id, "entry %d is damaged", i)
			return
		}
		lo, at = key, at+int64(len(key))
		children = append(children, child{key, native.Uint64(e[8:])})
	}
	if len(children) == 0 {
		w.bad(p.id, "is an empty branch")
		return
	}
	leaves := false
	if !w.full && bucket != "" {
		q, ok := w.read(children[0].page, branchPage|leafPage)
		leaves = ok && q.flags == leafPage
	}
	for i, c := range children {
		if leaves { // and if it is none, headers will find out
			w.leaves = append(w.leaves, c.page)
			continue
		}
		next := hi
		if i+1 < len(children) {
			next = children[i+1].key
		}
		w.tree(c.page, bucket, c.key, next)
	}
}

// headers verifies the headers of the leaves that tree has passed over.
func (w *walker) headers() {
	slices.Sort(w.leaves)
	for _, id := range w.leaves {
		if p, n, ok := w.header(id, leafPage); ok && w.use(id, 1+n) {
			w.packed(p)
		}
	}
}

// packed reports whether the entries of a page are where their number says: the
// keys and values follow at once. It needs the first 32 bytes only.
func (w *walker) packed(p page) bool {
	ok := int64(pageHeader+p.count*elemSize) <= p.size
	first := p.data[pageHeader:min(pageHeader+elemSize, len(p.data))]
	switch {
	case p.count == 0:
		ok = !slices.ContainsFunc(first, func(b byte) bool { return b != 0 })
	case p.flags == leafPage && len(first) == elemSize:
		ok = ok && int64(native.Uint32(first[4:])) == int64(p.count)*elemSize
	case len(first) == elemSize:
		ok = ok && int64(native.Uint32(first)) == int64(p.count)*elemSize
	}
	if !ok {
		w.bad(p.id, "does not have the %d entries that it claims", p.count)
	}
	return ok
}

func (w *walker) leaf(p page, bucket string, lo, hi []byte) {
	if !w.packed(p) {
		return
	}
	for at, i := int64(pageHeader+p.count*elemSize), 0; i < p.count; i++ {
		off := int64(pageHeader + i*elemSize)
		e := p.data[off:]
		flags, pos, ksize, vsize := native.Uint32(e), int64(native.Uint32(e[4:])), int64(native.Uint32(e[8:])), int64(native.Uint32(e[12:]))
		key, kok := cut(p.data, off+pos, ksize)
		value, vok := cut(p.data, off+pos+ksize, vsize)
		if !kok || !vok || off+pos != at || !ordered(i, key, lo, hi) {
			w.bad(p.id, "entry %d is damaged", i)
			return
		}
		lo, at = key, at+ksize+vsize
		if bucket == "" {
			w.bucket(p.id, string(key), value, flags)
		} else if _, ok := sound(key, value); !ok || flags != 0 {
			w.bad(p.id, "table %s: wrong checksum of row %x", bucket, key[:min(ksize, 64)])
		}
	}
}

// bucket walks the bucket of an entry in the tree of buckets. A small one is
// not a tree but a leaf inside the entry.
func (w *walker) bucket(at uint64, name string, value []byte, flags uint32) {
	if flags != bucketElem || len(value) < bucketSize || name == "" {
		w.bad(at, "%q is not a bucket", name)
		return
	}
	if root := native.Uint64(value); root != 0 {
		w.tree(root, name, nil, nil)
		return
	}
	data := value[bucketSize:]
	if len(data) < pageHeader || native.Uint16(data[8:]) != leafPage {
		w.bad(at, "bucket %s is damaged", name)
		return
	}
	w.leaf(page{id: at, flags: leafPage, count: int(native.Uint16(data[10:])), size: int64(len(data)), data: data}, name, nil, nil)
}

// ordered reports whether the key of entry i is where it belongs: after lo, the
// key before it, or for the first entry not before lo, its lower bound.
func ordered(i int, key, lo, hi []byte) bool {
	c := bytes.Compare(key, lo)
	return (c > 0 || c == 0 && i == 0) && (hi == nil || bytes.Compare(key, hi) < 0)
}

// freelist verifies that the free pages are no others than the unused ones.
func (w *walker) freelist(id uint64) {
	p, ok := w.read(id, freelistPage)
	if !ok || !w.use(id, uint64(int64(len(p.data))/w.size)) {
		return
	}
	ids, n := p.data[pageHeader:], uint64(p.count)
	if p.count == 0xFFFF {
		n, ids = native.Uint64(ids), ids[8:]
	}
	if n > uint64(len(ids)/8) {
		w.bad(id, "free list of %d pages", n)
		return
	}
	free := make([]uint64, len(w.used))
	last := uint64(1)
	for i := range n {
		f := native.Uint64(ids[8*i:])
		if f <= last || f >= w.high {
			w.bad(id, "free list names page %d after %d", f, last)
			return
		}
		if last = f; w.isUsed(f) {
			w.bad(f, "is free and in use")
		}
		free[f/64] |= 1 << (f % 64)
	}
	if w.err != nil {
		return
	}
	var lost []string
	for i := uint64(2); i < w.high; i++ {
		if !w.isUsed(i) && free[i/64]&(1<<(i%64)) == 0 {
			lost = append(lost, fmt.Sprint(i))
		}
	}
	if len(lost) > 0 {
		w.report(fmt.Sprintf("%d pages are neither free nor in use: %s", len(lost), strings.Join(lost[:min(len(lost), 10)], " ")))
	}
}
