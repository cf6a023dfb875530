// Package uselite is the Universal Sentence Encoder Lite: it turns a short English
// text into 512 numbers, such that texts of similar meaning point in similar
// directions. The model is compiled in, and needs neither network nor cgo.
//
// # Guarantees
//
// Embed gives the vectors of the original graph, evaluated with weights that are
// rounded to 8 bits: their cosine with those of the unrounded one is at least 0.999
// on the texts of the tests. A vector has length 1; a text without a word gives the zero
// vector. Work is bounded: what follows the first 128 tokens of a text, about 100
// words, is not read. An Encoder is safe for concurrent use.
//
// # Caveats
//
// English only, and the English of the web: the model knows few technical terms and
// hardly an abbreviation (package synonym helps it there). It tells upper from lower
// case, and does better with texts as people write them. Cosines of unrelated
// texts reach 0.4, so its threshold is far below that of larger models.
//
// On amd64 with AVX2 and FMA the products are computed by dot_amd64.s; elsewhere by the
// same loop in Go, which is several times slower. The two differ in the last bits.
//
// # Format
//
// See FORMAT.md. The licence of the model is in LICENSE and NOTICE.
package uselite
