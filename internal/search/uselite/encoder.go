package uselite

import (
	"context"
	"math"
)

const (
	// Dim is the number of elements of a vector.
	Dim = 512

	heads   = 4
	epsilon = 1e-6
)

// Encoder is the model. The zero value is ready; the first Embed reads what is compiled
// in. It is safe for concurrent use.
type Encoder struct{}

// ID names the model and the rounding of its weights: vectors of different ids
// cannot be compared.
func (Encoder) ID() string { return "use-lite-1-int8" }

// Dim returns Dim.
func (Encoder) Dim() int { return Dim }

// Threshold is the cosine below which two texts are mostly unrelated.
func (Encoder) Threshold() float32 { return 0.45 }

// Embed returns the vector of each text. It takes a few milliseconds for a short
// text, and about 40 for one of 128 tokens; a cancel ends it between two texts.
func (Encoder) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	m, err := load()
	if err != nil {
		return nil, err
	}
	out := make([][]float32, len(texts))
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		out[i] = m.encode(m.tokenize(text))
	}
	return out, nil
}

// encode runs the tokens through the graph.
func (m *model) encode(ids []int) []float32 {
	if len(ids) == 0 {
		return make([]float32, Dim)
	}
	x := m.input(ids)
	sum := x.through(m.project)
	for _, l := range m.layers {
		sum.add(x.normed(l.attend).through(l.qkv).attention().through(l.out))
		sum.add(sum.normed(l.forward).through(l.rise).relu().through(l.sum))
		x = sum // the second layer is as wide as its sum, and needs no projection
	}
	mean := newRows(1, Dim)
	for t := range sum.n {
		for i, v := range sum.row(t) {
			mean.v[i] += v / float32(sum.n)
		}
	}
	vector := mean.through(m.head).row(0)
	var square float64
	for i, v := range vector {
		vector[i] = float32(math.Tanh(float64(v)))
		square += float64(vector[i]) * float64(vector[i])
	}
	scale := float32(1 / math.Sqrt(max(square, 1e-12)))
	for i := range vector {
		vector[i] *= scale
	}
	return vector
}

// input is twice the embedding of each token, and the signal of its position.
func (m *model) input(ids []int) rows {
	x := newRows(len(ids), m.embed.inputs)
	half := len(m.position)
	for t, id := range ids {
		row, scale := x.row(t), 2*m.embed.scale[id]
		for i, level := range m.embed.levels[id*x.width : (id+1)*x.width] {
			row[i] = scale * float32(int8(level))
		}
		for i, f := range m.position {
			sin, cos := math.Sincos(float64(float32(t) * f))
			row[i] += float32(sin)
			row[half+i] += float32(cos)
		}
	}
	return x
}
