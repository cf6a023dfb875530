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

// smoothFloats is about n bytes of a float32 signal.
func smoothFloats(n int, seed uint64) []byte {
	return wave(n, seed, func(p []byte, v float64) []byte {
		return binary.LittleEndian.AppendUint32(p, math.Float32bits(float32(v)))
	})
}

// smoothDoubles is the same in float64.
func smoothDoubles(n int, seed uint64) []byte {
	return wave(n, seed, func(p []byte, v float64) []byte { return binary.LittleEndian.AppendUint64(p, math.Float64bits(v)) })
}

// smoothSamples is the same in counts of 0.01, as a converter of 16 bits gives them.
func smoothSamples(n int, seed uint64) []byte {
	return wave(n, seed, func(p []byte, v float64) []byte { return binary.LittleEndian.AppendUint16(p, uint16(int16(v*100))) })
}

// wave is n bytes of a signal, as an instrument samples it: slow waves and a little noise.
func wave(n int, seed uint64, add func(p []byte, v float64) []byte) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := make([]byte, 0, n+8)
	phase := rng.Float64() * 6
	for i := 0; len(p) < n; i++ {
		t := float64(i) / 1000
		p = add(p, 100*math.Sin(t+phase)+20*math.Sin(7.3*t)+0.01*rng.NormFloat64())
	}
	return p[:n]
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
