package uselite

import "golang.org/x/sys/cpu"

var fast = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// dot4 is dot4Go, with the instructions that the processor has. The length of a
// row is a multiple of 16 in all matrices of the model.
func dot4(levels []byte, x []float32) (sums [4]float32) {
	if !fast {
		return dot4Go(levels, x)
	}
	_ = x[4*len(levels)-1]
	dot4AVX2(&levels[0], &x[0], len(levels), &sums)
	return sums
}

// dot4AVX2 computes dot4Go for n levels; n is a multiple of 16, and not 0.
//
//go:noescape
func dot4AVX2(levels *byte, x *float32, n int, sums *[4]float32)
