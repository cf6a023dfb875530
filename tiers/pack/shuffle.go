package pack

import "encoding/binary"

// A shuffle of width w turns n/w elements of w bytes into w planes: all first
// bytes, all second bytes, and so on. What is left over, n%w bytes, follows as it
// is. Exponents and high bytes of neighbouring numbers are alike; side by side
// they compress.
//
// Eight elements at a time are transposed in registers. The position of a byte
// in them is a number of word bits and byte bits; swap32, swap16 and swap8 of two
// words exchange the bit in which the words differ with one of the three byte bits.
// A transposition is a permutation of these bits, and so a few exchanges; they are
// undone in the opposite order.

// shuffle fills dst from src. They have the same length and do not overlap.
func shuffle(dst, src []byte, width int) {
	n := len(src) / width
	done := fastShuffle(dst, src, n, width)
	if done == 0 {
		done = plainShuffle(dst, src, n, width)
	}
	for i := done; i < n; i++ {
		for k := range width {
			dst[k*n+i] = src[i*width+k]
		}
	}
	copy(dst[n*width:], src[n*width:])
}

// plainShuffle is shuffle where there is no assembly for it. It returns how many
// elements it dealt with.
func plainShuffle(dst, src []byte, n, width int) int {
	switch width {
	case 2:
		return shuffle2(dst, src, n)
	case 4:
		return shuffle4(dst, src, n)
	}
	return shuffle8(dst, src, n)
}

// unshuffle undoes shuffle.
func unshuffle(dst, src []byte, width int) {
	n := len(src) / width
	done := fastUnshuffle(dst, src, n, width)
	if done == 0 {
		done = plainUnshuffle(dst, src, n, width)
	}
	for i := done; i < n; i++ {
		for k := range width {
			dst[i*width+k] = src[k*n+i]
		}
	}
	copy(dst[n*width:], src[n*width:])
}

// plainUnshuffle is unshuffle where there is no assembly for it.
func plainUnshuffle(dst, src []byte, n, width int) int {
	switch width {
	case 2:
		return unshuffle2(dst, src, n)
	case 4:
		return unshuffle4(dst, src, n)
	}
	return unshuffle8(dst, src, n)
}

// The six loops return how many elements they dealt with.

func shuffle2(dst, src []byte, n int) int {
	p0 := dst[0*n : 1*n : 1*n]
	p1 := dst[1*n : 2*n : 2*n]
	i := 0
	for ; i+8 <= n; i += 8 {
		s := src[2*i : 2*i+16 : 2*i+16]
		a := binary.LittleEndian.Uint64(s[0:])
		b := binary.LittleEndian.Uint64(s[8:])
		a, b = swap32(a, b)
		a, b = swap16(a, b)
		a, b = swap8(a, b)
		binary.LittleEndian.PutUint64(p0[i:], a)
		binary.LittleEndian.PutUint64(p1[i:], b)
	}
	return i
}

func unshuffle2(dst, src []byte, n int) int {
	p0 := src[0*n : 1*n : 1*n]
	p1 := src[1*n : 2*n : 2*n]
	i := 0
	for ; i+8 <= n; i += 8 {
		s := dst[2*i : 2*i+16 : 2*i+16]
		a := binary.LittleEndian.Uint64(p0[i:])
		b := binary.LittleEndian.Uint64(p1[i:])
		a, b = swap8(a, b)
		a, b = swap16(a, b)
		a, b = swap32(a, b)
		binary.LittleEndian.PutUint64(s[0:], a)
		binary.LittleEndian.PutUint64(s[8:], b)
	}
	return i
}

func shuffle4(dst, src []byte, n int) int {
	p0 := dst[0*n : 1*n : 1*n]
	p1 := dst[1*n : 2*n : 2*n]
	p2 := dst[2*n : 3*n : 3*n]
	p3 := dst[3*n : 4*n : 4*n]
	i := 0
	for ; i+8 <= n; i += 8 {
		s := src[4*i : 4*i+32 : 4*i+32]
		a := binary.LittleEndian.Uint64(s[0:])
		b := binary.LittleEndian.Uint64(s[8:])
		c := binary.LittleEndian.Uint64(s[16:])
		d := binary.LittleEndian.Uint64(s[24:])
		a, c = swap32(a, c)
		b, d = swap32(b, d)
		a, c = swap8(a, c)
		b, d = swap8(b, d)
		a, b = swap16(a, b)
		c, d = swap16(c, d)
		binary.LittleEndian.PutUint64(p0[i:], a)
		binary.LittleEndian.PutUint64(p2[i:], b)
		binary.LittleEndian.PutUint64(p1[i:], c)
		binary.LittleEndian.PutUint64(p3[i:], d)
	}
	return i
}

func unshuffle4(dst, src []byte, n int) int {
	p0 := src[0*n : 1*n : 1*n]
	p1 := src[1*n : 2*n : 2*n]
	p2 := src[2*n : 3*n : 3*n]
	p3 := src[3*n : 4*n : 4*n]
	i := 0
	for ; i+8 <= n; i += 8 {
		s := dst[4*i : 4*i+32 : 4*i+32]
		a := binary.LittleEndian.Uint64(p0[i:])
		b := binary.LittleEndian.Uint64(p2[i:])
		c := binary.LittleEndian.Uint64(p1[i:])
		d := binary.LittleEndian.Uint64(p3[i:])
		a, b = swap16(a, b)
		c, d = swap16(c, d)
		a, c = swap8(a, c)
		b, d = swap8(b, d)
		a, c = swap32(a, c)
		b, d = swap32(b, d)
		binary.LittleEndian.PutUint64(s[0:], a)
		binary.LittleEndian.PutUint64(s[8:], b)
		binary.LittleEndian.PutUint64(s[16:], c)
		binary.LittleEndian.PutUint64(s[24:], d)
	}
	return i
}

func shuffle8(dst, src []byte, n int) int {
	p0 := dst[0*n : 1*n : 1*n]
	p1 := dst[1*n : 2*n : 2*n]
	p2 := dst[2*n : 3*n : 3*n]
	p3 := dst[3*n : 4*n : 4*n]
	p4 := dst[4*n : 5*n : 5*n]
	p5 := dst[5*n : 6*n : 6*n]
	p6 := dst[6*n : 7*n : 7*n]
	p7 := dst[7*n : 8*n : 8*n]
	i := 0
	for ; i+8 <= n; i += 8 {
		s := src[8*i : 8*i+64 : 8*i+64]
		a := binary.LittleEndian.Uint64(s[0:])
		b := binary.LittleEndian.Uint64(s[8:])
		c := binary.LittleEndian.Uint64(s[16:])
		d := binary.LittleEndian.Uint64(s[24:])
		e := binary.LittleEndian.Uint64(s[32:])
		f := binary.LittleEndian.Uint64(s[40:])
		g := binary.LittleEndian.Uint64(s[48:])
		h := binary.LittleEndian.Uint64(s[56:])
		a, e = swap32(a, e)
		b, f = swap32(b, f)
		c, g = swap32(c, g)
		d, h = swap32(d, h)
		a, c = swap16(a, c)
		b, d = swap16(b, d)
		e, g = swap16(e, g)
		f, h = swap16(f, h)
		a, b = swap8(a, b)
		c, d = swap8(c, d)
		e, f = swap8(e, f)
		g, h = swap8(g, h)
		binary.LittleEndian.PutUint64(p0[i:], a)
		binary.LittleEndian.PutUint64(p1[i:], b)
		binary.LittleEndian.PutUint64(p2[i:], c)
		binary.LittleEndian.PutUint64(p3[i:], d)
		binary.LittleEndian.PutUint64(p4[i:], e)
		binary.LittleEndian.PutUint64(p5[i:], f)
		binary.LittleEndian.PutUint64(p6[i:], g)
		binary.LittleEndian.PutUint64(p7[i:], h)
	}
	return i
}

func unshuffle8(dst, src []byte, n int) int {
	p0 := src[0*n : 1*n : 1*n]
	p1 := src[1*n : 2*n : 2*n]
	p2 := src[2*n : 3*n : 3*n]
	p3 := src[3*n : 4*n : 4*n]
	p4 := src[4*n : 5*n : 5*n]
	p5 := src[5*n : 6*n : 6*n]
	p6 := src[6*n : 7*n : 7*n]
	p7 := src[7*n : 8*n : 8*n]
	i := 0
	for ; i+8 <= n; i += 8 {
		s := dst[8*i : 8*i+64 : 8*i+64]
		a := binary.LittleEndian.Uint64(p0[i:])
		b := binary.LittleEndian.Uint64(p1[i:])
		c := binary.LittleEndian.Uint64(p2[i:])
		d := binary.LittleEndian.Uint64(p3[i:])
		e := binary.LittleEndian.Uint64(p4[i:])
		f := binary.LittleEndian.Uint64(p5[i:])
		g := binary.LittleEndian.Uint64(p6[i:])
		h := binary.LittleEndian.Uint64(p7[i:])
		a, b = swap8(a, b)
		c, d = swap8(c, d)
		e, f = swap8(e, f)
		g, h = swap8(g, h)
		a, c = swap16(a, c)
		b, d = swap16(b, d)
		e, g = swap16(e, g)
		f, h = swap16(f, h)
		a, e = swap32(a, e)
		b, f = swap32(b, f)
		c, g = swap32(c, g)
		d, h = swap32(d, h)
		binary.LittleEndian.PutUint64(s[0:], a)
		binary.LittleEndian.PutUint64(s[8:], b)
		binary.LittleEndian.PutUint64(s[16:], c)
		binary.LittleEndian.PutUint64(s[24:], d)
		binary.LittleEndian.PutUint64(s[32:], e)
		binary.LittleEndian.PutUint64(s[40:], f)
		binary.LittleEndian.PutUint64(s[48:], g)
		binary.LittleEndian.PutUint64(s[56:], h)
	}
	return i
}

const (
	lo32 = 0x00000000FFFFFFFF
	lo16 = 0x0000FFFF0000FFFF // low halves of 32-bit lanes
	lo8  = 0x00FF00FF00FF00FF // low bytes of 16-bit lanes
)

// swap32 exchanges the high half of a with the low half of b; swap16 and swap8
// do the same in each 32-bit and 16-bit lane.
func swap32(a, b uint64) (uint64, uint64) { return a&lo32 | b<<32, a>>32 | b&^lo32 }

func swap16(a, b uint64) (uint64, uint64) {
	return a&lo16 | b&lo16<<16, a>>16&lo16 | b&^lo16
}

func swap8(a, b uint64) (uint64, uint64) {
	return a&lo8 | b&lo8<<8, a>>8&lo8 | b&^lo8
}
