package bench

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strconv"
)

// noise is n bytes that do not compress, the same for the same seed.
func noise(n int, seed uint64) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	p := make([]byte, n)
	rand.NewChaCha8(key).Read(p)
	return p
}

// stamp makes every page of p different from every other page that was stamped with another v.
func stamp(p []byte, v uint64) {
	for i := 0; i+8 <= len(p); i += 4096 {
		binary.LittleEndian.PutUint64(p[i:], v+uint64(i))
	}
}

// smoothFloats is about n bytes of a float32 signal, as an instrument samples it: slow waves and a little noise.
func smoothFloats(n int, seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := make([]byte, n&^3)
	phase := rng.Float64() * 6
	for i := 0; i < len(p); i += 4 {
		t := float64(i/4) / 1000
		v := 100*math.Sin(t+phase) + 20*math.Sin(7.3*t) + 0.01*rng.NormFloat64()
		binary.LittleEndian.PutUint32(p[i:], math.Float32bits(float32(v)))
	}
	return p
}

// csvText is about n bytes of a table: a time stamp, a subject, a condition, measurements.
func csvText(n int, seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 2))
	conditions := []string{"control", "treated", "washout", "baseline"}
	p := append(make([]byte, 0, n+128), "time,subject,condition,temperature,pressure,response\n"...)
	for row := 0; len(p) < n; row++ {
		p = strconv.AppendFloat(p, float64(row)*0.004, 'f', 3, 64)
		p = append(p, ",sub-"...)
		p = strconv.AppendInt(p, int64(1+row/5000%40), 10)
		p = append(p, ',')
		p = append(p, conditions[row/1250%len(conditions)]...)
		p = append(p, ',')
		p = strconv.AppendFloat(p, 36.6+0.3*rng.NormFloat64(), 'f', 2, 64)
		p = append(p, ',')
		p = strconv.AppendFloat(p, 1013+2*rng.NormFloat64(), 'f', 1, 64)
		p = append(p, ',')
		p = strconv.AppendFloat(p, rng.ExpFloat64(), 'f', 4, 64)
		p = append(p, '\n')
	}
	return p[:n]
}
