package cache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rdfs/rdfs/internal/blob"
)

// A fills file lists which chunks of a partial file are there. FORMAT.md gives
// its bytes. It is a hint that is believed only beside a stamped partial file;
// otherwise each chunk that it lists is hashed before it is used.
const (
	fillsMagic  = "rdfs fills 1\n\x00\x00\x00"
	fillsHeader = len(fillsMagic) + blob.IDSize + 8 + 8
)

// errFills: the fills file is not one, or belongs to something else.
var errFills = errors.New("not the list of fills of this content")

// encodeFills lists the chunks for which has reports true.
func encodeFills(m *blob.Manifest, has func(i int) bool) []byte {
	n := len(m.Chunks)
	b := make([]byte, 0, fillsHeader+(n+7)/8+blob.IDSize)
	b = append(b, fillsMagic...)
	b = append(b, m.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Size))
	b = binary.BigEndian.AppendUint64(b, uint64(n))
	bits := make([]byte, (n+7)/8)
	for i := range n {
		if has(i) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	b = append(b, bits...)
	sum := blob.Sum(b)
	return append(b, sum[:]...)
}

// decodeFills calls yield for each chunk that b lists, or returns errFills.
func decodeFills(b []byte, m *blob.Manifest, yield func(i int)) error {
	n := len(m.Chunks)
	end := fillsHeader + (n+7)/8
	if len(b) != end+blob.IDSize || blob.ID(b[end:]) != blob.Sum(b[:end]) {
		return errFills
	}
	h := b[len(fillsMagic):]
	if string(b[:len(fillsMagic)]) != fillsMagic || blob.ID(h[:blob.IDSize]) != m.ID ||
		binary.BigEndian.Uint64(h[blob.IDSize:]) != uint64(m.Size) ||
		binary.BigEndian.Uint64(h[blob.IDSize+8:]) != uint64(n) {
		return errFills
	}
	for i := range n {
		if b[fillsHeader+i/8]&(1<<(i%8)) != 0 {
			yield(i)
		}
	}
	return nil
}

// loadFills reads the fills file at path.
func loadFills(path string, m *blob.Manifest, yield func(i int)) error {
	want := int64(fillsHeader + (len(m.Chunks)+7)/8 + blob.IDSize)
	if st, err := lstat(path); err != nil || st.Size != want {
		return errFills
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return decodeFills(b, m, yield)
}

// storeFills replaces the fills file at path. It does not make its directory:
// when that is gone, so is the partial file.
func (c *Cache) storeFills(path string, b []byte) error {
	f, err := c.temp()
	if err != nil {
		return err
	}
	_, err = c.writeAt(f, b, 0)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("store fills %s: %w", filepath.Base(path), err)
	}
	return nil
}
