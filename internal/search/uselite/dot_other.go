//go:build !amd64

package uselite

func dot4(levels []byte, x []float32) [4]float32 { return dot4Go(levels, x) }
