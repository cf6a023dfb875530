package cache

import (
	"bytes"
	"os"
)

// holeSize is the granularity in which zeros become holes: aligned pieces of this
// many bytes of the file, and the ends of what is written.
const holeSize = 64 << 10

// writeSparse writes p at off and leaves out pieces of zeros. The range must read
// as zeros, or as the same bytes, before. It returns how many bytes it wrote.
func (c *Cache) writeSparse(f *os.File, p []byte, off int64) (int64, error) {
	var written int64
	for len(p) > 0 {
		zero := 0
		for zero < len(p) {
			n := piece(p[zero:], off+int64(zero))
			if !isZero(p[zero : zero+n]) {
				break
			}
			zero += n
		}
		p, off = p[zero:], off+int64(zero)
		data := 0
		for data < len(p) {
			n := piece(p[data:], off+int64(data))
			if isZero(p[data : data+n]) {
				break
			}
			data += n
		}
		if data > 0 {
			if _, err := c.writeAt(f, p[:data], off); err != nil {
				return written, err
			}
		}
		written += int64(data)
		p, off = p[data:], off+int64(data)
	}
	return written, nil
}

// piece returns the length of the first aligned piece of p, which lies at off.
func piece(p []byte, off int64) int {
	return int(min(int64(len(p)), holeSize-off%holeSize))
}

func isZero(p []byte) bool {
	return len(p) == 0 || p[0] == 0 && bytes.Equal(p[:len(p)-1], p[1:])
}
