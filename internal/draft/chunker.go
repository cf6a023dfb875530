package draft

import "encoding/binary"

// A class is the chunk sizes that hold from an offset of the content on. All
// averages are powers of two.
type class struct {
	until int64 // offset where the next class begins
	bits  uint  // log2 of the average size
}

// classes grow with the offset, not with the size of the file: a size that
// depended on the size of the file would re-cut the whole file when it grows past
// a limit, and hardly a chunk would keep both its ends.
var classes = [...]class{
	{512 << 20, 17},
	{2 << 30, 18},
	{8 << 30, 19},
	{1<<63 - 1, 20},
}

const (
	// singleChunk is the size up to which a content is one chunk, in bytes.
	singleChunk = 128 << 10
	// normalization is by how many bits the condition is stricter before the
	// average size and laxer after it. Measured with extents of 1 MiB rewritten in
	// random bytes and chunks of 128 KiB: with 1 bit, 265 KiB around each are new;
	// with 2 bits 310 KiB, with 3 bits 1,380 KiB, with none 375 KiB. A least size of a
	// quarter of the average instead of half of it saves 5 KiB of that and costs a
	// quarter more bytes to look at.
	normalization = 1
	// gearWindow is how many bytes the rolling hash depends on.
	gearWindow = 64
)

func classAt(off int64) class {
	for _, c := range classes {
		if off < c.until {
			return c
		}
	}
	return classes[len(classes)-1]
}

func (c class) avg() int { return 1 << c.bits }
func (c class) min() int { return 1 << (c.bits - 1) }
func (c class) max() int { return 1 << (c.bits + 2) }

// cut returns the length of the first chunk of b, for a chunk of class c. b holds
// c.max() bytes, or all that is left of the content.
//
// The hash of a position is compared in its highest bits, which depend on the 64
// bytes before it: a boundary is a place whose hash begins with enough zeros. So
// the condition of a larger average implies that of a smaller one.
func cut(b []byte, c class) int {
	n := len(b)
	if n <= c.min() {
		return n
	}
	if n > c.max() {
		n = c.max()
	}
	b = b[:n]
	if allZero(b) {
		return n // the hash of zeros is no boundary
	}
	var h uint64
	i := c.min() - gearWindow
	for ; i < c.min(); i++ {
		h = h<<1 + gear[b[i]]
	}
	strict := uint64(1) << (64 - c.bits - normalization)
	lax := uint64(1) << (64 - c.bits + normalization)
	if at, h2, ok := scan(b[i:min(n, c.avg())], h, strict); ok {
		return i + at
	} else {
		h = h2
	}
	if n <= c.avg() {
		return n
	}
	if at, _, ok := scan(b[c.avg():], h, lax); ok {
		return c.avg() + at
	}
	return n
}

// scan rolls h over b and returns how many bytes it took until h was below limit.
func scan(b []byte, h, limit uint64) (int, uint64, bool) {
	i := 0
	for ; i+4 <= len(b); i += 4 {
		q := b[i : i+4 : i+4]
		g0, g1, g2, g3 := gear[q[0]], gear[q[1]], gear[q[2]], gear[q[3]]
		// The same as rolling over one byte after the other, but only two
		// operations wait for the round before.
		g1 += g0 << 1
		g2 += g1 << 1
		g3 += g2 << 1
		h0, h1, h2 := h<<1+g0, h<<2+g1, h<<3+g2
		h = h<<4 + g3
		if h0 < limit {
			return i + 1, h0, true
		}
		if h1 < limit {
			return i + 2, h1, true
		}
		if h2 < limit {
			return i + 3, h2, true
		}
		if h < limit {
			return i + 4, h, true
		}
	}
	for ; i < len(b); i++ {
		if h = h<<1 + gear[b[i]]; h < limit {
			return i + 1, h, true
		}
	}
	return 0, h, false
}

// allZero reports whether b is zeros only, as the holes of a sparse file.
func allZero(b []byte) bool {
	for len(b) >= 32 {
		if binary.LittleEndian.Uint64(b)|binary.LittleEndian.Uint64(b[8:])|
			binary.LittleEndian.Uint64(b[16:])|binary.LittleEndian.Uint64(b[24:]) != 0 {
			return false
		}
		b = b[32:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// gear gives each byte value a random number. It decides where chunks end:
// another table would store everything anew.
var gear = func() (t [256]uint64) {
	x := uint64(0x7264667347656172)
	for i := range t { // splitmix64
		x += 0x9E3779B97F4A7C15
		z := x
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		t[i] = z ^ z>>31
	}
	return t
}()
