package uselite

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// golden is what the original graph says; golden.js made it.
type golden struct {
	Text     string
	Tokens   []int
	Rounded  []float32 // with the weights of model.bin
	Original []float32 // with those of the package
}

func goldens(t *testing.T) []golden {
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var out []golden
	if err := json.Unmarshal(b, &out); err != nil || len(out) == 0 {
		t.Fatalf("%d texts, %v", len(out), err)
	}
	return out
}

func loaded(t testing.TB) *model {
	m, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func cosine(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func TestTokensAreThoseOfTheOriginal(t *testing.T) {
	m := loaded(t)
	for _, g := range goldens(t) {
		want := g.Tokens[:min(len(g.Tokens), maxTokens)]
		if got := m.tokenize(g.Text); !slices.Equal(got, want) {
			t.Errorf("%q: tokens %v, want %v", g.Text, got, want)
		}
	}
}

func TestVectorsAreThoseOfTheOriginalGraph(t *testing.T) {
	for _, g := range goldens(t) {
		vectors, err := Encoder{}.Embed(t.Context(), []string{g.Text})
		if err != nil {
			t.Fatal(err)
		}
		got := vectors[0]
		for i := range got {
			if d := math.Abs(float64(got[i] - g.Rounded[i])); d > 1e-5 {
				t.Errorf("%q: element %d is %v, want %v", g.Text, i, got[i], g.Rounded[i])
				break
			}
		}
		if c := cosine(got, g.Original); c < 0.999 {
			t.Errorf("%q: cosine %v with the vector of the unrounded model, want 0.999", g.Text, c)
		}
	}
}

func TestTextWithoutWordsHasTheZeroVector(t *testing.T) {
	for _, text := range []string{"", " ", "\t\n\u00a0"} {
		v, err := Encoder{}.Embed(t.Context(), []string{text})
		if err != nil || slices.ContainsFunc(v[0], func(f float32) bool { return f != 0 }) || len(v[0]) != Dim {
			t.Errorf("%q: %v, %v", text, v, err)
		}
	}
}

func TestLongAndBrokenTextsAreBounded(t *testing.T) {
	m := loaded(t)
	for name, text := range map[string]string{
		"a megabyte of letters": strings.Repeat("x", 1<<20),
		"not UTF-8":             strings.Repeat("\xff\xfe", 1<<19),
		"one rune that expands": strings.Repeat("\ufdfa", 1<<18),
		"unknown letters":       strings.Repeat("世界", 1<<18),
	} {
		ids := m.tokenize(text)
		if len(ids) == 0 || len(ids) > maxTokens {
			t.Errorf("%s: %d tokens", name, len(ids))
		}
		if c := cosine(m.encode(ids), m.encode(ids)); math.Abs(c-1) > 1e-5 {
			t.Errorf("%s: square of the length %v", name, c)
		}
	}
}

func TestAssetIsTheOneThatFORMATNames(t *testing.T) {
	body, sum := asset[:len(asset)-sumLen], asset[len(asset)-sumLen:]
	if got := sha256.Sum256(body); !slices.Equal(got[:], sum) {
		t.Error("model.bin is damaged")
	}
	whole := sha256.Sum256(asset)
	text, err := os.ReadFile("FORMAT.md")
	if err != nil || !strings.Contains(string(text), hex.EncodeToString(whole[:])) {
		t.Errorf("FORMAT.md does not name %x", whole)
	}
}

func TestDamagedAssetIsRefused(t *testing.T) {
	for _, b := range [][]byte{nil, asset[:40], asset[:len(asset)-1], append(slices.Clone(asset), 0)} {
		if _, err := read(b); err == nil {
			t.Errorf("a model of %d bytes was read", len(b))
		}
	}
	for _, at := range []int{0, 8, 11} {
		b := slices.Clone(asset)
		b[at] ^= 0x40
		if _, err := read(b); err == nil {
			t.Errorf("a model with byte %d changed was read", at)
		}
	}
}

func TestDot4IsTheSameInBothWays(t *testing.T) {
	const seed = 1
	rnd := rand.New(rand.NewPCG(seed, 0))
	for _, n := range []int{16, 32, 256, 1536} {
		levels, x := make([]byte, n), make([]float32, 4*n)
		for i := range levels {
			levels[i] = byte(rnd.IntN(256))
		}
		for i := range x {
			x[i] = float32(rnd.NormFloat64())
		}
		got, want := dot4(levels, x), dot4Go(levels, x)
		for k := range got {
			if math.Abs(float64(got[k]-want[k])) > 1e-2 {
				t.Errorf("%d levels: vector %d gives %v, want %v", n, k, got[k], want[k])
			}
		}
	}
}

func FuzzTokenize(f *testing.F) {
	for _, s := range []string{"EEG recording", "\xff", "▁", "a\u0300"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, id := range loaded(t).tokenize(s) {
			if id < 0 || id >= 8000 {
				t.Errorf("%q: token %d", s, id)
			}
		}
	})
}

func BenchmarkEmbed(b *testing.B) {
	for name, text := range map[string]string{
		"query":      "brain scan of elderly people",
		"sentence":   "Resting state EEG of patients with epilepsy, eyes closed",
		"128 tokens": strings.Repeat("data ", 128),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := (Encoder{}).Embed(b.Context(), []string{text}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
