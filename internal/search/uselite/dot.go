package uselite

// dot4Go returns the products of a row of levels, int8 each, with four vectors of the same
// length, which stand one after the other in x.
func dot4Go(levels []byte, x []float32) (sums [4]float32) {
	n := len(levels)
	a, b, c, d := x[:n], x[n:][:n], x[2*n:][:n], x[3*n:][:n]
	for i, level := range levels {
		w := float32(int8(level))
		sums[0] += w * a[i]
		sums[1] += w * b[i]
		sums[2] += w * c[i]
		sums[3] += w * d[i]
	}
	return sums
}
