package uselite

import "math"

// rows are n vectors of equal width, one for each token. The memory holds a
// multiple of four of them, because products are computed for four at once; what is in
// those beyond n means nothing.
type rows struct {
	n, width int
	v        []float32
}

func newRows(n, width int) rows { return rows{n, width, make([]float32, (n+3)/4*4*width)} }

func (r rows) row(t int) []float32 { return r.v[t*r.width : (t+1)*r.width] }

func (r rows) add(o rows) {
	for i, v := range o.v {
		r.v[i] += v
	}
}

func (r rows) relu() rows {
	for i, v := range r.v {
		r.v[i] = max(v, 0)
	}
	return r
}

// normed scales each row to mean 0 and variance 1, and then by the norm's numbers.
func (r rows) normed(by layerNorm) rows {
	out := newRows(r.n, r.width)
	for t := range r.n {
		in, to := r.row(t), out.row(t)
		var mean, variance float32
		for _, v := range in {
			mean += v
		}
		mean /= float32(r.width)
		for _, v := range in {
			variance += (v - mean) * (v - mean)
		}
		scale := float32(1 / math.Sqrt(float64(variance/float32(r.width))+epsilon))
		for i, v := range in {
			to[i] = (v-mean)*scale*by.scale[i] + by.bias[i]
		}
	}
	return out
}

// through multiplies by the matrix and adds the bias.
func (r rows) through(d dense) rows {
	outputs := len(d.scale)
	out := newRows(r.n, outputs)
	for i, scale := range d.scale {
		levels := d.levels[i*d.inputs : (i+1)*d.inputs]
		for t := 0; t < r.n; t += 4 {
			sums := dot4(levels, r.v[t*r.width:(t+4)*r.width])
			for k, s := range sums {
				out.v[(t+k)*outputs+i] = s*scale + d.bias[i]
			}
		}
	}
	return out
}

// attention takes rows of queries, keys and values. Each head of each token gets
// the mean of all values, weighted by how well its query fits their keys.
func (r rows) attention() rows {
	out := newRows(r.n, r.width/3)
	size := out.width / heads
	scale := float32(1 / math.Sqrt(float64(size)))
	weights := make([]float32, r.n)
	for h := range heads {
		at := h * size
		for t := range r.n {
			query := r.row(t)[at : at+size]
			most := float32(math.Inf(-1))
			for s := range weights {
				key := r.row(s)[out.width+at:][:len(query)]
				var fit float32
				for i, q := range query {
					fit += q * key[i]
				}
				weights[s] = fit * scale
				most = max(most, weights[s])
			}
			var total float32
			for s, w := range weights {
				weights[s] = float32(math.Exp(float64(w - most)))
				total += weights[s]
			}
			to := out.row(t)[at : at+size]
			for s, w := range weights {
				w /= total
				for i, v := range r.row(s)[2*out.width+at:][:len(to)] {
					to[i] += w * v
				}
			}
		}
	}
	return out
}
