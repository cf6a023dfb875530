package pack

import "golang.org/x/sys/cpu"

// shuffleAVX2 shuffles the first count of n elements of w bytes. count is a multiple
// of 16 and not 0.
//
//go:noescape
func shuffleAVX2(dst, src *byte, n, count, w int)

// unshuffleAVX2 undoes it.
//
//go:noescape
func unshuffleAVX2(dst, src *byte, n, count, w int)

// diffAVX2 takes the differences of n bytes of elements that follow two others in
// memory. n is a multiple of 32 and not 0.
//
//go:noescape
func diffAVX2(dst, src *byte, n, w, order int)

// undiffAVX2 undoes the differences of the first n bytes of a chunk's elements, in
// place. n is a multiple of 16 and not 0.
//
//go:noescape
func undiffAVX2(p *byte, n, w, order int)

// fastShuffle shuffles the first elements and returns how many they are.
func fastShuffle(dst, src []byte, n, w int) int {
	count := n &^ 15
	if count == 0 || !cpu.X86.HasAVX2 {
		return 0
	}
	_, _ = dst[n*w-1], src[n*w-1]
	shuffleAVX2(&dst[0], &src[0], n, count, w)
	return count
}

// fastUnshuffle undoes the shuffle of the first elements and returns how many they
// are.
func fastUnshuffle(dst, src []byte, n, w int) int {
	count := n &^ 15
	if count == 0 || !cpu.X86.HasAVX2 {
		return 0
	}
	_, _ = dst[n*w-1], src[n*w-1]
	unshuffleAVX2(&dst[0], &src[0], n, count, w)
	return count
}

// fastDiff takes the differences of the first elements and returns how many bytes
// they are: 0, or more than two elements.
func fastDiff(dst, src []byte, w, order int) int {
	count := (len(src) - 2*w) &^ 31
	if count <= 0 || !cpu.X86.HasAVX2 {
		return 0
	}
	_ = dst[len(src)-1]
	plainDiff(dst[:2*w], src[:2*w], 0, w, order)
	diffAVX2(&dst[2*w], &src[2*w], count, w, order)
	return 2*w + count
}

// fastUndiff undoes the differences of the first elements and returns how many bytes
// they are: 0, or at least two elements.
func fastUndiff(p []byte, w, order int) int {
	count := len(p) &^ 15
	if count == 0 || !cpu.X86.HasAVX2 {
		return 0
	}
	undiffAVX2(&p[0], count, w, order)
	return count
}
