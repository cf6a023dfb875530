package pack

import "math"

// meanEntropy returns the mean of the planes' entropies in bits per byte, corrected
// for how small the samples are (Miller and Madow). n is the bytes of all planes.
func meanEntropy(planes [][256]uint32, n int) float32 {
	var sum uint64 // of c * log2(c), in 1/1024
	used := 0
	for k := range planes {
		for _, c := range &planes[k] {
			if c < uint32(len(cLog2)) {
				sum += uint64(cLog2[c])
			} else {
				sum += uint64(1024 * float64(c) * math.Log2(float64(c)))
			}
			used += int(-uint64(c) >> 63) // 1 unless c is 0
		}
	}
	per := float64(n / len(planes))
	mean := float64(sum) / 1024 / float64(n)
	bias := float64(used-len(planes)) / float64(len(planes)) / (2 * per * math.Ln2)
	return float32(math.Log2(per) - mean + bias)
}

// cLog2 is c * log2(c) in 1/1024: integers, because adding floats one after the
// other would take most of the time of looking at a small file.
var cLog2 = func() (t [1024]uint32) {
	for c := 1; c < len(t); c++ {
		t[c] = uint32(1024 * float64(c) * math.Log2(float64(c)))
	}
	return t
}()
