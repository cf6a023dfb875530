package pack

import (
	"encoding/binary"

	"github.com/rdfs/rdfs/internal/blob"
)

// A Chooser decides how each chunk is best represented, by looking at samples. The
// zero value is ready. It is not safe for concurrent use.
//
// It looks at three pieces of 4 KiB. Text is left to zstd. Otherwise it compares
// the entropy of the bytes with the mean entropy of the planes of a shuffle by 2,
// 4 and 8, and with the size of the differences of integers of 2, 4 and 8 bytes.
// Neither sees repeats, which zstd finds as it is; so when one of them looks better,
// they are tried on the samples. The verdict of that trial is kept for the next
// chunks for which the same look best, or that have differences of the same size if
// these won: they are of the same file, or of files that were saved together.
type Chooser struct {
	hist    [8][256]uint32 // of bytes by their place in 8
	sample  []byte
	out     []byte
	trial   [2]blob.Kind // what the last trial compared with zstd: a shuffle and differences, or zstd again
	winner  blob.Kind    // of the last trial
	bits    float32      // of a difference, if they are the winner
	credits int          // chunks for which the last trial is still good
}

const (
	samplePiece = 4 << 10
	sampleMin   = 256  // bytes; shorter chunks are not worth a shuffle
	trialGood   = 16   // chunks
	worthwhile  = 0.95 // the part of the bytes' entropy that planes may have
)

// Choose returns the kind that raw should be encoded as. It never returns Raw:
// zstd finds out by itself, and fast, that bytes are incompressible. e is used
// for trials.
func (c *Chooser) Choose(e *Encoder, raw []byte) blob.Kind {
	if len(raw) < sampleMin {
		return blob.Zstd
	}
	pieces := samples(raw)
	if text(pieces) {
		return blob.Zstd
	}
	if c.credits > 0 && differs(c.winner) && alikeBits(guessDiff(pieces, width(c.winner)).bits, c.bits) {
		c.credits--
		return c.winner
	}
	trial := c.candidates(pieces)
	if trial == [2]blob.Kind{blob.Zstd, blob.Zstd} {
		return blob.Zstd
	}
	if c.credits > 0 && c.trial == trial {
		c.credits--
		return c.winner
	}
	c.sample = c.sample[:0]
	for _, p := range pieces {
		c.sample = append(c.sample, p...)
	}
	c.out, _ = e.Encode(c.out[:0], c.sample, blob.Zstd)
	c.trial, c.winner, c.credits = trial, blob.Zstd, trialGood
	least := len(c.out)
	for _, kind := range trial {
		if kind == blob.Zstd {
			continue
		}
		if c.out, _ = e.Encode(c.out[:0], c.sample, kind); len(c.out) < least {
			c.winner, least = kind, len(c.out)
		}
	}
	if differs(c.winner) {
		c.bits = guessDiff(pieces, width(c.winner)).bits
	}
	return c.winner
}

// alikeBits reports whether differences of so many bits may be of one signal, which
// may be steep here and flat there.
func alikeBits(a, b float32) bool { return max(a, b)-min(a, b) < 2 }

// samples returns the first, middle and last 4 KiB of raw, or the whole of a short
// one, in multiples of 8 bytes from its start.
func samples(raw []byte) [3][]byte {
	n := len(raw) &^ 7
	if n <= 3*samplePiece {
		return [3][]byte{raw[:n]}
	}
	mid := (n / 2) &^ 7
	return [3][]byte{raw[:samplePiece], raw[mid-samplePiece/2:][:samplePiece], raw[n-samplePiece : n]}
}

// text reports whether no byte is 0 or above 127.
func text(pieces [3][]byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for _, p := range pieces {
		for ; len(p) >= 8; p = p[8:] {
			v := binary.LittleEndian.Uint64(p)
			if (v|(v-ones)&^v)&highs != 0 {
				return false
			}
		}
	}
	return true
}

// candidates returns the shuffle with the least entropy and the differences that
// are smallest, each if it is clearly better than the bytes as they are, or Zstd.
func (c *Chooser) candidates(pieces [3][]byte) [2]blob.Kind {
	shuffle, bits, plain := c.bestShuffle(pieces)
	diff, diffBits := bestDiff(pieces)
	kinds := [2]blob.Kind{shuffle, diff}
	if bits >= plain*worthwhile {
		kinds[0] = blob.Zstd
	}
	if diffBits >= plain*worthwhile {
		kinds[1] = blob.Zstd
	}
	return kinds
}

// bestDiff returns the differences that are smallest and about how many bits per
// byte they have.
func bestDiff(pieces [3][]byte) (kind blob.Kind, bits float32) {
	bits = 9
	for _, k := range []blob.Kind{blob.Diff2, blob.Diff4, blob.Diff8} {
		// Of bell-shaped differences the entropy is 2.5 bits more than their mean
		// length without sign.
		if b := (guessDiff(pieces, width(k)).bits + 2.5) / float32(width(k)); b < bits {
			kind, bits = k, b
		}
	}
	return kind, bits
}

// bestShuffle returns the shuffle with the least entropy, what that is, and what it
// is without any.
func (c *Chooser) bestShuffle(pieces [3][]byte) (kind blob.Kind, bits, plain float32) {
	h := &c.hist
	*h = [8][256]uint32{}
	n := 0
	for _, p := range pieces {
		n += len(p)
		for ; len(p) >= 8; p = p[8:] {
			v := binary.LittleEndian.Uint64(p)
			h[0][byte(v)]++
			h[1][byte(v>>8)]++
			h[2][byte(v>>16)]++
			h[3][byte(v>>24)]++
			h[4][byte(v>>32)]++
			h[5][byte(v>>40)]++
			h[6][byte(v>>48)]++
			h[7][byte(v>>56)]++
		}
	}
	by8 := meanEntropy(h[:], n)
	by4 := meanEntropy(fold(h[:8]), n)
	by2 := meanEntropy(fold(h[:4]), n)
	by1 := meanEntropy(fold(h[:2]), n)

	// A wider shuffle has to be better than a narrower one: planes of
	// fewer bytes look a little more orderly than they are.
	kind, bits = blob.Shuffle2, by2
	if by4 < bits*0.98-0.02 {
		kind, bits = blob.Shuffle4, by4
	}
	if by8 < bits*0.98-0.02 {
		kind, bits = blob.Shuffle8, by8
	}
	return kind, bits, by1
}

// fold adds the upper half of the planes to the lower half, and returns that: the
// counts of a shuffle of half the width.
func fold(h [][256]uint32) [][256]uint32 {
	half := len(h) / 2
	for k := range half {
		a, b := &h[k], &h[k+half]
		for i := range a {
			a[i] += b[i]
		}
	}
	return h[:half]
}
