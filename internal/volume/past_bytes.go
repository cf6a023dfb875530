package volume

import (
	"context"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
)

// pastBytes says which sealed bytes a file of the past shows, and what stat(2) says
// of them.
type pastBytes struct {
	content blob.ID // zero: none, the file is empty
	seq     catalog.Seq
	size    int64
	mtime   catalog.Time
	why     bytesWhy
}

// bytesWhy says how the bytes of a past row were found.
type bytesWhy string

// The ways to find them, the best first.
const (
	bytesSealed  bytesWhy = "they were sealed then"
	bytesLater   bytesWhy = "the save was sealed later"
	bytesEarlier bytesWhy = "the save was never sealed as it was: the version before it"
	bytesNone    bytesWhy = "nothing was ever sealed"
)

// bytesThen decides which bytes the row of a regular file shows that was true at a
// moment of the past. If the file was being written, or waited to be sealed, they
// are those of a version that was sealed later from just this state, which its time
// and size tell; without one, those of the version before. later are versions of
// the file that were sealed after the moment, oldest first, and last is what the row
// names as sealed, with a zero Content when there is none.
func bytesThen(row *catalog.Node, later []catalog.Version, last catalog.Version) pastBytes {
	if row.Gen == 0 {
		return pastBytes{row.Content, row.Seq, row.Size, row.Mtime, bytesSealed}
	}
	for _, ver := range later {
		if ver.Size == row.Size && ver.Mtime == row.Mtime {
			return pastBytes{ver.Content, ver.Seq, ver.Size, ver.Mtime, bytesLater}
		}
	}
	if !last.Content.IsZero() {
		return pastBytes{last.Content, last.Seq, last.Size, last.Mtime, bytesEarlier}
	}
	return pastBytes{mtime: row.Mtime, why: bytesNone}
}

// apply makes the row one of a file whose sealed bytes these are.
func (b *pastBytes) apply(row *catalog.Node) {
	row.Content, row.Seq, row.Size, row.Mtime, row.Gen = b.content, b.seq, b.size, b.mtime, 0
}

// maxLater is how many versions are looked at for the one that a past save became.
// It is the first or the second; more only if saves of one path crossed each other.
const maxLater = 8

// sealedAfter returns the first versions of a file that were sealed after an epoch.
func sealedAfter(tx *catalog.Tx, f catalog.FileID, e catalog.Epoch) (list []catalog.Version) {
	from := func(s catalog.Seq) (ver catalog.Version, ok bool) {
		tx.Versions(f, s, func(x *catalog.Version) bool { ver, ok = *x, true; return false })
		return ver, ok
	}
	lo, hi := catalog.Seq(1), tx.LastSeq(f, 0)+1 // those before lo are too old, hi is a candidate
	for lo < hi {
		mid := lo + (hi-lo)/2
		if ver, ok := from(mid); ok && ver.Epoch <= e {
			lo = ver.Seq + 1
		} else {
			hi = mid
		}
	}
	tx.Versions(f, lo, func(x *catalog.Version) bool {
		list = append(list, *x)
		return len(list) < maxLater
	})
	return list
}

// lastSealed returns the version that a row names as its sealed content. Where the
// version was forgotten the content is still known.
func lastSealed(tx *catalog.Tx, row *catalog.Node) (ver catalog.Version) {
	if row.Content.IsZero() {
		return ver
	}
	if ver, err := tx.Version(row.File, row.Seq); err == nil && ver.Content == row.Content {
		return ver
	}
	m, err := tx.Content(row.Content)
	if err != nil {
		return ver
	}
	return catalog.Version{File: row.File, Content: row.Content, Size: m.Size, Mtime: row.Mtime}
}

// Open opens the bytes of a regular file of the past, as they were. The attributes
// are those of Getattr and fit the bytes.
func (p Past) Open(ctx context.Context, i catalog.Inode) (*Content, Attr, error) {
	a, err := p.Getattr(i)
	if err != nil {
		return nil, a, err
	}
	if !a.IsRegular() {
		return nil, a, notRegular(&a.Node)
	}
	c, err := p.v.OpenContent(ctx, a.Content, a.Size)
	return c, a, err
}
