package pack

import "encoding/binary"

// A shuffle of width w turns n/w elements of w bytes into w planes: all first
// bytes, all second bytes, and so on. What is left over, n%w bytes, follows as it
// is. Exponents and high bytes of neighbouring numbers are alike; side by side
// they compress.
//
// The loops move 8 elements at a time through a transposition of bytes in
// registers. dst and src have the same length and do not overlap.

func shuffle(dst, src []byte, width int) {
	n := len(src) / width
	i := 0
	switch width {
	case 2:
		p0, p1 := dst[:n], dst[n:2*n]
		for ; i+8 <= n; i += 8 {
			s := src[2*i : 2*i+16 : 2*i+16]
			a, b := gather2(binary.LittleEndian.Uint64(s)), gather2(binary.LittleEndian.Uint64(s[8:]))
			binary.LittleEndian.PutUint64(p0[i:], a&lo32|b<<32)
			binary.LittleEndian.PutUint64(p1[i:], a>>32|b&^lo32)
		}
	case 4:
		p0, p1, p2, p3 := dst[:n], dst[n:2*n], dst[2*n:3*n], dst[3*n:4*n]
		for ; i+8 <= n; i += 8 {
			s := src[4*i : 4*i+32 : 4*i+32]
			a, b := gather4(binary.LittleEndian.Uint64(s)), gather4(binary.LittleEndian.Uint64(s[8:]))
			c, d := gather4(binary.LittleEndian.Uint64(s[16:])), gather4(binary.LittleEndian.Uint64(s[24:]))
			a, b, c, d = transpose16(a, b, c, d)
			binary.LittleEndian.PutUint64(p0[i:], a)
			binary.LittleEndian.PutUint64(p1[i:], b)
			binary.LittleEndian.PutUint64(p2[i:], c)
			binary.LittleEndian.PutUint64(p3[i:], d)
		}
	case 8:
		for ; i+8 <= n; i += 8 {
			s := src[8*i : 8*i+64 : 8*i+64]
			a, b, c, d, e, f, g, h := transpose8(
				binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:]),
				binary.LittleEndian.Uint64(s[16:]), binary.LittleEndian.Uint64(s[24:]),
				binary.LittleEndian.Uint64(s[32:]), binary.LittleEndian.Uint64(s[40:]),
				binary.LittleEndian.Uint64(s[48:]), binary.LittleEndian.Uint64(s[56:]))
			binary.LittleEndian.PutUint64(dst[i:], a)
			binary.LittleEndian.PutUint64(dst[n+i:], b)
			binary.LittleEndian.PutUint64(dst[2*n+i:], c)
			binary.LittleEndian.PutUint64(dst[3*n+i:], d)
			binary.LittleEndian.PutUint64(dst[4*n+i:], e)
			binary.LittleEndian.PutUint64(dst[5*n+i:], f)
			binary.LittleEndian.PutUint64(dst[6*n+i:], g)
			binary.LittleEndian.PutUint64(dst[7*n+i:], h)
		}
	}
	for ; i < n; i++ {
		for k := range width {
			dst[k*n+i] = src[i*width+k]
		}
	}
	copy(dst[n*width:], src[n*width:])
}

func unshuffle(dst, src []byte, width int) {
	n := len(src) / width
	i := 0
	switch width {
	case 2:
		p0, p1 := src[:n], src[n:2*n]
		for ; i+8 <= n; i += 8 {
			a, b := binary.LittleEndian.Uint64(p0[i:]), binary.LittleEndian.Uint64(p1[i:])
			d := dst[2*i : 2*i+16 : 2*i+16]
			binary.LittleEndian.PutUint64(d, scatter2(a&lo32|b<<32))
			binary.LittleEndian.PutUint64(d[8:], scatter2(a>>32|b&^lo32))
		}
	case 4:
		p0, p1, p2, p3 := src[:n], src[n:2*n], src[2*n:3*n], src[3*n:4*n]
		for ; i+8 <= n; i += 8 {
			a, b, c, d := transpose16(
				binary.LittleEndian.Uint64(p0[i:]), binary.LittleEndian.Uint64(p1[i:]),
				binary.LittleEndian.Uint64(p2[i:]), binary.LittleEndian.Uint64(p3[i:]))
			o := dst[4*i : 4*i+32 : 4*i+32]
			binary.LittleEndian.PutUint64(o, scatter4(a))
			binary.LittleEndian.PutUint64(o[8:], scatter4(b))
			binary.LittleEndian.PutUint64(o[16:], scatter4(c))
			binary.LittleEndian.PutUint64(o[24:], scatter4(d))
		}
	case 8:
		for ; i+8 <= n; i += 8 {
			a, b, c, d, e, f, g, h := transpose8(
				binary.LittleEndian.Uint64(src[i:]), binary.LittleEndian.Uint64(src[n+i:]),
				binary.LittleEndian.Uint64(src[2*n+i:]), binary.LittleEndian.Uint64(src[3*n+i:]),
				binary.LittleEndian.Uint64(src[4*n+i:]), binary.LittleEndian.Uint64(src[5*n+i:]),
				binary.LittleEndian.Uint64(src[6*n+i:]), binary.LittleEndian.Uint64(src[7*n+i:]))
			o := dst[8*i : 8*i+64 : 8*i+64]
			binary.LittleEndian.PutUint64(o, a)
			binary.LittleEndian.PutUint64(o[8:], b)
			binary.LittleEndian.PutUint64(o[16:], c)
			binary.LittleEndian.PutUint64(o[24:], d)
			binary.LittleEndian.PutUint64(o[32:], e)
			binary.LittleEndian.PutUint64(o[40:], f)
			binary.LittleEndian.PutUint64(o[48:], g)
			binary.LittleEndian.PutUint64(o[56:], h)
		}
	}
	for ; i < n; i++ {
		for k := range width {
			dst[i*width+k] = src[k*n+i]
		}
	}
	copy(dst[n*width:], src[n*width:])
}

const (
	lo32 = 0x00000000FFFFFFFF
	lo16 = 0x0000FFFF0000FFFF // low halves of 32-bit lanes
	lo8  = 0x00FF00FF00FF00FF // low bytes of 16-bit lanes
)

// swap exchanges the bits of x under mask with those shift places above.
func swap(x, mask uint64, shift uint) uint64 {
	t := (x>>shift ^ x) & mask
	return x ^ t ^ t<<shift
}

// gather2 turns bytes a0a1 b0b1 c0c1 d0d1 into a0b0c0d0 a1b1c1d1; scatter2 undoes it.
func gather2(x uint64) uint64 {
	return swap(swap(x, 0x0000FF000000FF00, 8), 0x00000000FFFF0000, 16)
}

func scatter2(x uint64) uint64 {
	return swap(swap(x, 0x00000000FFFF0000, 16), 0x0000FF000000FF00, 8)
}

// gather4 turns bytes a0a1a2a3 b0b1b2b3 into a0b0 a1b1 a2b2 a3b3; scatter4 undoes it.
func gather4(x uint64) uint64 {
	return swap(swap(x, 0x00000000FFFF0000, 16), 0x0000FF000000FF00, 8)
}

func scatter4(x uint64) uint64 {
	return swap(swap(x, 0x0000FF000000FF00, 8), 0x00000000FFFF0000, 16)
}

// transpose16 transposes a 4 by 4 matrix of 16-bit lanes. It is its own inverse.
func transpose16(a, b, c, d uint64) (_, _, _, _ uint64) {
	a, c = a&lo32|c<<32, a>>32|c&^lo32
	b, d = b&lo32|d<<32, b>>32|d&^lo32
	a, b = a&lo16|b&lo16<<16, a>>16&lo16|b&^lo16
	c, d = c&lo16|d&lo16<<16, c>>16&lo16|d&^lo16
	return a, b, c, d
}

// transpose8 transposes an 8 by 8 matrix of bytes. It is its own inverse.
func transpose8(a, b, c, d, e, f, g, h uint64) (_, _, _, _, _, _, _, _ uint64) {
	a, e = a&lo32|e<<32, a>>32|e&^lo32
	b, f = b&lo32|f<<32, b>>32|f&^lo32
	c, g = c&lo32|g<<32, c>>32|g&^lo32
	d, h = d&lo32|h<<32, d>>32|h&^lo32

	a, c = a&lo16|c&lo16<<16, a>>16&lo16|c&^lo16
	b, d = b&lo16|d&lo16<<16, b>>16&lo16|d&^lo16
	e, g = e&lo16|g&lo16<<16, e>>16&lo16|g&^lo16
	f, h = f&lo16|h&lo16<<16, f>>16&lo16|h&^lo16

	a, b = a&lo8|b&lo8<<8, a>>8&lo8|b&^lo8
	c, d = c&lo8|d&lo8<<8, c>>8&lo8|d&^lo8
	e, f = e&lo8|f&lo8<<8, e>>8&lo8|f&^lo8
	g, h = g&lo8|h&lo8<<8, g>>8&lo8|h&^lo8
	return a, b, c, d, e, f, g, h
}
