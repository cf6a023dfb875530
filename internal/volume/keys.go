package volume

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
)

// Keys has the data keys of an encrypted repository.
type Keys interface {
	// Ring returns all keys; what it returns is kept, and gets the keys that For makes.
	Ring() *crypt.Ring
	// For returns the key of files below a directory in the root, given by its inode and
	// name; of files in the root itself with 0 and "". It makes the key if there is none,
	// and returns when it is where it must be to be had back with the data.
	For(ctx context.Context, top uint64, name string) (crypt.Number, error)
}

func ringOf(k Keys) *crypt.Ring {
	if k == nil {
		return nil
	}
	return k.Ring()
}

// keyOf returns the key under which the bytes of a job are sealed: that of where the file
// is, or else of where its history goes on, or else of where it was last. It is 0 in a
// repository that is not encrypted. It may wait for the network.
func (v *Volume) keyOf(j *job) (crypt.Number, error) {
	if v.ring == nil {
		return 0, nil
	}
	s := v.sealer
	s.mu.Lock()
	d := j.detached
	s.mu.Unlock()
	var top catalog.Inode
	var name string
	err := v.cat.View(func(tx *catalog.Tx) (err error) {
		inos := []catalog.Inode{j.n.ino}
		if d != nil { // the node has gone on, perhaps to elsewhere
			if i, ok := tx.Holder(d.File); ok {
				inos = append([]catalog.Inode{i}, inos...)
			}
		}
		for _, i := range inos {
			if top, name, err = topOf(tx, i); !errors.Is(err, catalog.ErrNotExist) {
				return err
			}
		}
		for _, i := range inos {
			if e, ok := tx.LastNamed(i); ok {
				if top, name, err = topOf(tx.At(e), i); !errors.Is(err, catalog.ErrNotExist) {
					return err
				}
			}
		}
		top, name = 0, ""
		return nil // it was gone before anything of it was durable
	})
	if err != nil {
		return 0, err
	}
	n, err := v.o.Keys.For(v.ctx, uint64(top), name)
	if err != nil {
		return 0, fmt.Errorf("the key of /%s: %w", name, err)
	}
	return n, nil
}

// topOf returns the directory in the root in which i is; 0 for what is in the root itself.
func topOf(tx *catalog.Tx, i catalog.Inode) (catalog.Inode, string, error) {
	p, err := tx.Path(i)
	if err != nil {
		return 0, "", err
	}
	name, _, below := strings.Cut(p, "/")
	if !below {
		return 0, "", nil
	}
	top, err := tx.Lookup(catalog.Root, name)
	return top, name, err
}

// sealedUnder reports whether a content is stored under the key: known bytes of another
// key are stored again.
func (v *Volume) sealedUnder(id blob.ID, n crypt.Number) (yes bool) {
	v.cat.View(func(tx *catalog.Tx) error {
		if v.ring == nil {
			yes = tx.HasContent(id)
			return nil
		}
		first, err := tx.FirstChunk(id)
		yes = err == nil && v.ring.KeyOf(first) == n
		return nil
	})
	return yes
}

// blake3 returns what b3sum prints of a content; "" if its key is not there any more.
func (v *Volume) blake3(id blob.ID) (sum string) {
	v.cat.View(func(tx *catalog.Tx) error { sum = v.blake3In(tx, id); return nil })
	return sum
}

func (v *Volume) blake3In(tx *catalog.Tx, id blob.ID) string {
	n := crypt.Number(0)
	if v.ring != nil {
		first, err := tx.FirstChunk(id)
		if err != nil && !errors.Is(err, catalog.ErrNotExist) {
			return ""
		}
		n = v.ring.KeyOf(first)
	}
	sum, ok := v.ring.Sum(n, id)
	if !ok {
		return ""
	}
	return sum.String()
}

// showSums makes what versions say of their content what b3sum prints of it.
func (v *Volume) showSums(list []VersionInfo) {
	if v.ring == nil {
		return
	}
	v.cat.View(func(tx *catalog.Tx) error {
		for k := range list {
			if id, err := blob.ParseID(list[k].Content); err == nil {
				list[k].Content = v.blake3In(tx, id)
			}
		}
		return nil
	})
}

func (v *Volume) showSum(info *VersionInfo) {
	list := []VersionInfo{*info}
	v.showSums(list)
	*info = list[0]
}
