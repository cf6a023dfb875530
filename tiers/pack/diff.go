package pack

import (
	"encoding/binary"
	"math/bits"
)

// Differences see a chunk as integers of w bytes and replace each by what is left
// of it when the ones before it are continued: as they were (order 1), or in a
// straight line (order 2). That is right for floats too: floats that follow each
// other in value do so as integers. What is left is a small number of either sign;
// half is added to it, so that its high bytes are the same on both sides of zero.
// Then it is shuffled: of a smooth signal only the planes of the noise remain.

// half is 128 in each byte.
const half = 0x8080808080808080

// diff fills dst with the differences of src. They have the same length and do
// not overlap. What is left over is copied.
func diff(dst, src []byte, w, order int) {
	n := len(src) / w * w
	copy(dst[n:], src[n:])
	plainDiff(dst[:n], src[:n], fastDiff(dst[:n], src[:n], w, order), w, order)
}

// plainDiff fills dst from the offset from on, which is 0 or after two elements.
func plainDiff(dst, src []byte, from, w, order int) {
	straight := -uint64(order - 1) // all ones for order 2
	switch w {
	case 2:
		var last, step uint16
		if from > 0 {
			last = binary.LittleEndian.Uint16(src[from-2:])
			step = (last - binary.LittleEndian.Uint16(src[from-4:])) & uint16(straight)
		}
		for i := from; i <= len(src)-2; i += 2 {
			x := binary.LittleEndian.Uint16(src[i : i+2 : i+2])
			d := x - last
			binary.LittleEndian.PutUint16(dst[i:i+2:i+2], d-step+half&0xFFFF)
			last, step = x, d&uint16(straight)
		}
	case 4:
		var last, step uint32
		if from > 0 {
			last = binary.LittleEndian.Uint32(src[from-4:])
			step = (last - binary.LittleEndian.Uint32(src[from-8:])) & uint32(straight)
		}
		for i := from; i <= len(src)-4; i += 4 {
			x := binary.LittleEndian.Uint32(src[i : i+4 : i+4])
			d := x - last
			binary.LittleEndian.PutUint32(dst[i:i+4:i+4], d-step+half&0xFFFFFFFF)
			last, step = x, d&uint32(straight)
		}
	case 8:
		var last, step uint64
		if from > 0 {
			last = binary.LittleEndian.Uint64(src[from-8:])
			step = (last - binary.LittleEndian.Uint64(src[from-16:])) & straight
		}
		for i := from; i <= len(src)-8; i += 8 {
			x := binary.LittleEndian.Uint64(src[i : i+8 : i+8])
			d := x - last
			binary.LittleEndian.PutUint64(dst[i:i+8:i+8], d-step+half)
			last, step = x, d&straight
		}
	}
}

// undiff undoes diff, in place.
func undiff(p []byte, w, order int) {
	p = p[:len(p)/w*w]
	plainUndiff(p, fastUndiff(p, w, order), w, order)
}

// plainUndiff undoes diff from the offset from on, which is 0 or after two elements.
func plainUndiff(p []byte, from, w, order int) {
	straight := -uint64(order - 1)
	switch w {
	case 2:
		var last, step uint16
		if from > 0 {
			last = binary.LittleEndian.Uint16(p[from-2:])
			step = last - binary.LittleEndian.Uint16(p[from-4:])
		}
		for i := from; i <= len(p)-2; i += 2 {
			e := p[i : i+2 : i+2]
			step = step&uint16(straight) + binary.LittleEndian.Uint16(e) - half&0xFFFF
			last += step
			binary.LittleEndian.PutUint16(e, last)
		}
	case 4:
		var last, step uint32
		if from > 0 {
			last = binary.LittleEndian.Uint32(p[from-4:])
			step = last - binary.LittleEndian.Uint32(p[from-8:])
		}
		for i := from; i <= len(p)-4; i += 4 {
			e := p[i : i+4 : i+4]
			step = step&uint32(straight) + binary.LittleEndian.Uint32(e) - half&0xFFFFFFFF
			last += step
			binary.LittleEndian.PutUint32(e, last)
		}
	case 8:
		var last, step uint64
		if from > 0 {
			last = binary.LittleEndian.Uint64(p[from-8:])
			step = last - binary.LittleEndian.Uint64(p[from-16:])
		}
		for i := from; i <= len(p)-8; i += 8 {
			e := p[i : i+8 : i+8]
			step = step&straight + binary.LittleEndian.Uint64(e) - half
			last += step
			binary.LittleEndian.PutUint64(e, last)
		}
	}
}

// A guess says how the differences of a chunk become small.
type guess struct {
	order int
	skip  int     // bytes before the first element
	bits  float32 // of a difference without its sign, on average
}

// guessPiece is how much of each sample is looked at, in bytes.
const guessPiece = 256

// guessDiff tries both orders, and elements that begin at each byte: chunks are cut
// anywhere.
func guessDiff(pieces [3][]byte, w int) guess {
	best := guess{order: 1, bits: float32(8 * w)}
	for skip := range w {
		var sum [3]int // by order
		n := 0
		for _, p := range pieces {
			if p = p[:min(len(p), guessPiece)]; len(p) > skip {
				n += lengths(p[skip:], w, &sum)
			}
		}
		for order := 1; order <= 2 && n > 0; order++ {
			if bits := float32(sum[order]) / float32(n); bits < best.bits {
				best = guess{order, skip, bits}
			}
		}
	}
	return best
}

// lengths adds the lengths of the differences of p's elements to sum, by order, and
// returns how many differences that are.
func lengths(p []byte, w int, sum *[3]int) (n int) {
	unused := 64 - 8*w // the elements are the high bytes of words
	var last, step int64
	sum1, sum2 := 0, 0
	for i := 0; i+8 <= len(p); i += w {
		x := int64(binary.LittleEndian.Uint64(p[i:])) << unused
		d := x - last
		d2 := d - step
		last, step = x, d
		if i >= 2*w {
			sum1 += bits.Len64(uint64((d ^ d>>63) >> unused))
			sum2 += bits.Len64(uint64((d2 ^ d2>>63) >> unused))
			n++
		}
	}
	sum[1] += sum1
	sum[2] += sum2
	return n
}
