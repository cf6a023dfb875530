package pack

import (
	"encoding/binary"
	"slices"

	"github.com/klauspost/compress/huff0"
)

// The payload of a shuffled chunk is a byte whose bit k says that plane k holds
// differences, and then zstd frames whose contents, one after the other, are the
// planes. In a plane of differences each byte but the first has the one before it
// subtracted: the middle bytes of a smooth signal count up and down, and their
// differences are few values where they themselves are many. The payload of a chunk
// of differences of whole elements is a byte, their order and 16 times how many bytes
// are before the first element, and then the same frames. These bytes are the last.

// planeFrame is the plane length from which each plane gets a frame of its own.
// Planes differ: with a frame each, an incompressible one is copied and does not
// spoil the statistics of its neighbours. In short planes the headers would cost
// more than that wins.
const planeFrame = 512

// planeSample is how much of a plane is looked at, in bytes.
const planeSample = 1 << 10

// worthDifferences is the part of a plane's entropy that its differences may have.
// Coding them is the most expensive step, so it has to win something.
const worthDifferences = 0.75

// Differences seldom repeat in strings, and looking for short ones is slow. So they
// are given to zstd only at the ends: mostly alike, when the strings are long and a
// code of at least a bit for each byte is too, or without any order, which it finds
// out fast.
const (
	alike   = 1.0 // bits per byte
	orderly = 7.8
)

// shuffled appends the payload of a shuffled chunk.
func (e *Encoder) shuffled(dst, raw []byte, w int) []byte {
	e.scratch = slices.Grow(e.scratch[:0], len(raw))[:len(raw)]
	shuffle(e.scratch, raw, w)
	maskAt := len(dst)
	dst = append(dst, 0)
	n := len(raw) / w
	if n < planeFrame {
		return e.zstd.EncodeAll(e.scratch, dst)
	}
	for k := range w {
		plane := e.scratch[k*n : (k+1)*n]
		plain, diff := e.entropy(plane), e.diffEntropy(plane)
		if diff < plain*worthDifferences {
			dst[maskAt] |= 1 << k
			differences(plane)
			dst = e.coded(dst, plane, diff)
			continue
		}
		at := len(dst)
		dst = e.zstd.EncodeAll(plane, dst)
		// A plane without strings zstd leaves as it is, however few its values.
		if plain < orderly && len(dst)-at >= n {
			dst = e.huffmanFrame(dst[:at], plane)
		}
	}
	return e.zstd.EncodeAll(e.scratch[w*n:], dst)
}

// differenced appends the payload of a chunk of differences.
func (e *Encoder) differenced(dst, raw []byte, w int) []byte {
	e.numbers = slices.Grow(e.numbers[:0], len(raw))[:len(raw)]
	e.scratch = slices.Grow(e.scratch[:0], len(raw))[:len(raw)]
	g := guessDiff(samples(raw), w)
	elements := len(raw) - g.skip
	diff(e.numbers[:elements], raw[g.skip:], w, g.order)
	shuffle(e.scratch[:elements], e.numbers[:elements], w)
	copy(e.scratch[elements:], raw)
	dst = append(dst, byte(g.order|g.skip<<4))
	n := elements / w
	if n < planeFrame {
		return e.zstd.EncodeAll(e.scratch, dst)
	}
	for k := range w {
		plane := e.scratch[k*n : (k+1)*n]
		dst = e.coded(dst, plane, e.entropy(plane))
	}
	return e.zstd.EncodeAll(e.scratch[w*n:], dst)
}

// validDiff reports whether b can be the first byte of the payload of a chunk of
// size bytes.
func validDiff(b byte, w, size int) bool {
	order, skip := int(b&15), int(b>>4)
	return (order == 1 || order == 2) && skip < w && skip <= size
}

// coded appends the frame of a plane of differences that has about so many bits
// per byte.
func (e *Encoder) coded(dst, plane []byte, bits float32) []byte {
	if bits > alike && bits < orderly {
		return e.huffmanFrame(dst, plane)
	}
	return e.zstd.EncodeAll(plane, dst)
}

// entropy estimates the entropy of a plane, in bits per byte, from samples.
func (e *Encoder) entropy(plane []byte) float32 {
	h := &e.hist
	*h = [1][256]uint32{}
	n := 0
	for _, p := range planeSamples(plane) {
		n += len(p)
		for _, c := range p {
			h[0][c]++
		}
	}
	return meanEntropy(h[:], n)
}

// diffEntropy estimates what the entropy of a plane would be as differences.
func (e *Encoder) diffEntropy(plane []byte) float32 {
	h := &e.hist
	*h = [1][256]uint32{}
	n := 0
	for _, p := range planeSamples(plane) {
		n += len(p)
		last := byte(0)
		for _, c := range p {
			h[0][c-last]++
			last = c
		}
	}
	return meanEntropy(h[:], n)
}

// planeSamples returns two pieces of a plane, or all of a short one.
func planeSamples(plane []byte) [2][]byte {
	if len(plane) <= planeSample {
		return [2][]byte{plane}
	}
	const half = planeSample / 2
	third := (len(plane) - half) / 3
	return [2][]byte{plane[third:][:half], plane[2*third:][:half]}
}

// huffmanFrame appends a zstd frame of literals only: no search for repeats.
func (e *Encoder) huffmanFrame(dst, plane []byte) []byte {
	at := len(dst)
	// Magic number; single segment with a content size of 4 bytes.
	dst = append(dst, 0x28, 0xB5, 0x2F, 0xFD, 0xA0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(plane)))
	for rest := plane; len(rest) > 0; {
		block := rest[:min(len(rest), maxBlock)]
		rest = rest[len(block):]
		lits, _, err := huff0.Compress4X(block, &e.huff)
		if err != nil { // all the same, or incompressible
			return e.zstd.EncodeAll(plane, dst[:at])
		}
		// The header of the literals: type 2 (own table), four streams, and both
		// sizes in 10, 14 or 18 bits each.
		raw, coded := uint64(len(block)), uint64(len(lits))
		format, bits := uint64(1), 10
		if raw >= 1<<10 {
			format, bits = 2, 14
		}
		if raw >= 1<<14 {
			format, bits = 3, 18
		}
		header := 2 | format<<2 | raw<<4 | coded<<(4+bits)
		headerLen := (4 + 2*bits) / 8
		blockHeader := uint32(2<<1) | uint32(headerLen+len(lits)+1)<<3
		if len(rest) == 0 {
			blockHeader |= 1
		}
		dst = append(dst, byte(blockHeader), byte(blockHeader>>8), byte(blockHeader>>16))
		for range headerLen {
			dst = append(dst, byte(header))
			header >>= 8
		}
		dst = append(dst, lits...)
		dst = append(dst, 0) // no sequences
	}
	return dst
}

// maxBlock is the largest zstd block, in bytes.
const maxBlock = 128 << 10

const highBits = 0x8080808080808080

// differences subtracts from each byte the one before it, in place.
func differences(p []byte) {
	var last uint64
	for ; len(p) >= 8; p = p[8:] {
		x := binary.LittleEndian.Uint64(p)
		y := x<<8 | last
		last = x >> 56
		binary.LittleEndian.PutUint64(p, (x|highBits)-(y&^highBits)^(x^^y)&highBits)
	}
	for i, c := range p {
		p[i] = c - byte(last)
		last = uint64(c)
	}
}

// sumPlanes undoes the differences of the planes whose bit is set, in place.
func sumPlanes(shuffled []byte, w int, mask byte) {
	n := len(shuffled) / w
	for k := range w {
		if mask>>k&1 != 0 {
			sums(shuffled[k*n : (k+1)*n])
		}
	}
}

// sums undoes differences, in place.
func sums(p []byte) {
	var last byte
	for ; len(p) >= 8; p = p[8:] {
		x := binary.LittleEndian.Uint64(p)
		x = addBytes(x, x<<8)
		x = addBytes(x, x<<16)
		x = addBytes(x, x<<32)
		x = addBytes(x, uint64(last)*0x0101010101010101)
		last = byte(x >> 56)
		binary.LittleEndian.PutUint64(p, x)
	}
	for i := range p {
		p[i] += last
		last = p[i]
	}
}

func addBytes(x, y uint64) uint64 {
	return (x&^highBits + y&^highBits) ^ (x^y)&highBits
}
