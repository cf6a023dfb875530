package index

import "math/bits"

// column holds a number for each file, 0 where there is none: sparsely while few files
// have one, then with as many bytes as the largest needs.
type column struct {
	width  uint8 // 0: sparse; 1, 2 or 4 bytes
	sparse map[uint32]uint32
	n1     []uint8
	n2     []uint16
	n4     []uint32
	filled int // how many are not 0
}

// sparseShare is the share of files from which on a column is dense.
const sparseShare = 16

func (c *column) get(row uint32) uint32 {
	switch c.width {
	case 1:
		if int(row) < len(c.n1) {
			return uint32(c.n1[row])
		}
	case 2:
		if int(row) < len(c.n2) {
			return uint32(c.n2[row])
		}
	case 4:
		if int(row) < len(c.n4) {
			return c.n4[row]
		}
	default:
		return c.sparse[row]
	}
	return 0
}

// set changes the number of a row. rows is how many rows there are.
func (c *column) set(row, n uint32, rows int) {
	old := c.get(row)
	if old == n {
		return
	}
	if old == 0 {
		c.filled++
	} else if n == 0 {
		c.filled--
	}
	if c.width == 0 && c.filled*sparseShare > rows+4096 {
		c.widen(widthOf(n), rows)
	}
	if c.width != 0 && c.width < widthOf(n) {
		c.widen(widthOf(n), rows)
	}
	switch c.width {
	case 1:
		c.n1 = extend(c.n1, int(row)+1, n)
		if int(row) < len(c.n1) {
			c.n1[row] = uint8(n)
		}
	case 2:
		c.n2 = extend(c.n2, int(row)+1, n)
		if int(row) < len(c.n2) {
			c.n2[row] = uint16(n)
		}
	case 4:
		c.n4 = extend(c.n4, int(row)+1, n)
		if int(row) < len(c.n4) {
			c.n4[row] = n
		}
	default:
		if n == 0 {
			delete(c.sparse, row)
			return
		}
		if c.sparse == nil {
			c.sparse = make(map[uint32]uint32)
		}
		c.sparse[row] = n
	}
}

// extend makes room for n numbers, if there is anything to write.
func extend[T uint8 | uint16 | uint32](list []T, n int, value uint32) []T {
	if n <= len(list) || value == 0 {
		return list
	}
	if n <= cap(list) {
		return list[:n]
	}
	grown := make([]T, n, n+n/8+64)
	copy(grown, list)
	return grown
}

func widthOf(n uint32) uint8 {
	switch {
	case n < 1<<8:
		return 1
	case n < 1<<16:
		return 2
	}
	return 4
}

// widen makes the column dense, with numbers of so many bytes at least.
func (c *column) widen(width uint8, rows int) {
	for _, n := range c.sparse {
		width = max(width, widthOf(n))
	}
	width = max(width, c.width)
	var to column
	to.width, to.filled = width, c.filled
	to.resize(rows)
	c.each(func(row, n uint32) { to.store(row, n) })
	*c = to
}

func (c *column) resize(rows int) {
	switch c.width {
	case 1:
		c.n1 = make([]uint8, rows, rows+rows/8+64)
	case 2:
		c.n2 = make([]uint16, rows, rows+rows/8+64)
	case 4:
		c.n4 = make([]uint32, rows, rows+rows/8+64)
	}
}

func (c *column) store(row, n uint32) {
	switch c.width {
	case 1:
		c.n1[row] = uint8(n)
	case 2:
		c.n2[row] = uint16(n)
	case 4:
		c.n4[row] = n
	}
}

// each yields the rows that have a number, of a sparse column in no order.
func (c *column) each(yield func(row, n uint32)) {
	for row, n := range c.sparse {
		yield(row, n)
	}
	for row, n := range c.n1 {
		if n != 0 {
			yield(uint32(row), uint32(n))
		}
	}
	for row, n := range c.n2 {
		if n != 0 {
			yield(uint32(row), uint32(n))
		}
	}
	for row, n := range c.n4 {
		if n != 0 {
			yield(uint32(row), n)
		}
	}
}

// match adds to out the rows of within whose number is in numbers.
func (c *column) match(numbers, within, out set) {
	switch c.width {
	case 1:
		matchDense(c.n1, numbers, within, out)
	case 2:
		matchDense(c.n2, numbers, within, out)
	case 4:
		matchDense(c.n4, numbers, within, out)
	default:
		for row, n := range c.sparse {
			if numbers.has(n) && within.has(row) {
				out.add(row)
			}
		}
	}
}

func matchDense[T uint8 | uint16 | uint32](list []T, numbers, within, out set) {
	for w, rows := range within {
		if rows == 0 {
			continue
		}
		first := w * 64
		if first >= len(list) {
			return
		}
		var hits uint64
		if rows == ^uint64(0) && first+64 <= len(list) {
			for i, n := range list[first : first+64] {
				hits |= numbers[n/64] >> (n % 64) & 1 << i
			}
		} else {
			for ; rows != 0; rows &= rows - 1 {
				i := bits.TrailingZeros64(rows)
				if first+i >= len(list) {
					break
				}
				n := list[first+i]
				hits |= numbers[n/64] >> (n % 64) & 1 << i
			}
		}
		out[w] |= hits
	}
}

// present adds to out the rows of within that have a number.
func (c *column) present(within, out set) {
	if c.width == 0 {
		for row := range c.sparse {
			if within.has(row) {
				out.add(row)
			}
		}
		return
	}
	within.each(func(row uint32) {
		if c.get(row) != 0 {
			out.add(row)
		}
	})
}
