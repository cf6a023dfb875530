package index

import "math/bits"

// set is a set of small numbers.
type set []uint64

func newSet(n int) set { return make(set, (n+63)/64) }

func (s set) add(i uint32)      { s[i/64] |= 1 << (i % 64) }
func (s set) remove(i uint32)   { s[i/64] &^= 1 << (i % 64) }
func (s set) has(i uint32) bool { return int(i/64) < len(s) && s[i/64]&(1<<(i%64)) != 0 }

// grow makes room for n numbers.
func (s *set) grow(n int) {
	for len(*s)*64 < n {
		*s = append(*s, 0)
	}
}

func (s set) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

func (s set) empty() bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

// and, or and without change s. The sets have one length.
func (s set) and(t set) {
	for i := range s {
		s[i] &= t[i]
	}
}

func (s set) or(t set) {
	for i := range s {
		s[i] |= t[i]
	}
}

func (s set) without(t set) {
	for i := range s {
		s[i] &^= t[i]
	}
}

func (s set) clone() set { return append(set(nil), s...) }

// each calls yield for the numbers of s, in order.
func (s set) each(yield func(uint32)) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			yield(uint32(i*64 + bits.TrailingZeros64(w)))
		}
	}
}
