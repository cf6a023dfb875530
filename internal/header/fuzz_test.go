package header

import (
	"bytes"
	"compress/gzip"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// A target for each parser. Its seeds are the files of real programs in testdata; the beginning by which the format is
// known is put back where the fuzzer broke it, so that all its work is done on the parser.

func FuzzHDF5(f *testing.F)    { fuzz(f, "*.h5", "four.nc", "seven.mat") }
func FuzzMAT5(f *testing.F)    { fuzz(f, "five.mat", "packed.mat") }
func FuzzNetCDF3(f *testing.F) { fuzz(f, "classic.nc", "data64.nc", "offset64.nc") }
func FuzzParquet(f *testing.F) { fuzz(f, "*.parquet") }
func FuzzNPY(f *testing.F)     { fuzz(f, "*.npy") }
func FuzzNPZ(f *testing.F)     { fuzz(f, "*.npz") }
func FuzzNIfTI(f *testing.F)   { fuzz(f, "*.nii") }
func FuzzDICOM(f *testing.F)   { fuzz(f, "*.dcm") }
func FuzzTIFF(f *testing.F)    { fuzz(f, "*.tif") }
func FuzzPNG(f *testing.F)     { fuzz(f, "*.png") }
func FuzzJPEG(f *testing.F)    { fuzz(f, "*.jpg") }
func FuzzFITS(f *testing.F)    { fuzz(f, "*.fits") }
func FuzzEDF(f *testing.F)     { fuzz(f, "*.edf", "*.bdf") }
func FuzzWAV(f *testing.F)     { fuzz(f, "*.wav") }

func FuzzTable(f *testing.F) {
	for _, s := range []string{"a,b\n\"1\"\"x\",2\n", "# c\na|b\n1|2\n", "a;b\n1,5;-\n", ",\n,\n", "\"\n", "\xef\xbb\xbfa\tb\r\n1\t2\r\n"} {
		f.Add([]byte(s))
	}
	fuzz(f, "*.csv", "*.tsv")
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[{}],"b":"\"`, `[1,[2],{"x":null}]`, "{\"a\":1}\n{\"b\":2}\n", `{"\ud800":1e999}`, "[", `{"a":tru`} {
		f.Add([]byte(s))
	}
	fuzz(f, "*.json", "*.jsonl")
}

// What is gzipped is packed here: a fuzzer alone finds no stream that unpacks.
func FuzzGzip(f *testing.F) {
	for name, b := range samples(f) {
		if len(b) < 4<<10 {
			f.Add(b, len(name)%2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, packed bool) {
		if !packed {
			wantSound(t, append([]byte("\x1f\x8b"), b...))
			return
		}
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(b)
		w.Close()
		wantSound(t, z.Bytes())
	})
}

// FuzzRead looks for the format as well.
func FuzzRead(f *testing.F) { fuzzFiles(f, []string{"*"}, func(b []byte) []byte { return b }) }

// fuzz runs the parser of the samples that match one of the globs.
func fuzz(f *testing.F, globs ...string) {
	var begins []kind
	for _, b := range matching(f, globs) {
		if k, ok := kindOf(b); ok {
			begins = append(begins, k)
		}
	}
	fuzzFiles(f, globs, func(b []byte) []byte {
		if len(begins) == 0 {
			return b
		}
		k := begins[len(b)%len(begins)]
		for _, own := range begins {
			if own.matches(b) {
				return b
			}
		}
		if n := k.at + len(k.magic); len(b) < n {
			b = append(bytes.Clone(b), make([]byte, n-len(b))...)
		} else {
			b = bytes.Clone(b)
		}
		copy(b[k.at:], k.magic)
		return b
	})
}

func fuzzFiles(f *testing.F, globs []string, mend func([]byte) []byte) {
	for _, b := range matching(f, globs) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 0 {
			wantSound(t, mend(b))
		}
	})
}

// matching returns the samples whose names match, without those that are long: a fuzzer gets nowhere with them. Their
// order is always the same, or what the fuzzer finds could not be shown again.
func matching(t testing.TB, globs []string) (found [][]byte) {
	t.Helper()
	files := samples(t)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		matches := func(glob string) bool { ok, _ := filepath.Match(glob, name); return ok }
		if len(files[name]) < 32<<10 && slices.ContainsFunc(globs, matches) {
			found = append(found, files[name])
		}
	}
	if len(found) == 0 {
		t.Fatalf("no sample is called %s", globs)
	}
	return found
}

func kindOf(b []byte) (kind, bool) {
	for _, k := range kinds {
		if k.matches(b) {
			return k, true
		}
	}
	return kind{}, false
}

// wantSound checks what holds for every file: as it is, and as the beginning of one that does not end.
func wantSound(t *testing.T, b []byte) {
	t.Helper()
	info := read(b)
	wantSoundInfo(t, &info)
	j := info.AppendJSON(nil)
	back, err := ParseJSON(j)
	if err != nil {
		t.Fatal(err)
	}
	if !back.Truncated && back.Fingerprint() != info.Fingerprint() {
		t.Fatalf("the fingerprint changes on its way through JSON: %s", j)
	}
	if again := read(b); !bytes.Equal(again.AppendJSON(nil), j) {
		t.Fatalf("the same bytes are another time\n%s\nand were\n%s", again.AppendJSON(nil), j)
	}
	r := &countingReader{head: b}
	info = Read(r, 1<<50)
	wantSoundInfo(t, &info)
	if r.read > maxPages*pageSize {
		t.Fatalf("%d bytes were read, at most %d are allowed", r.read, maxPages*pageSize)
	}
}

func wantSoundInfo(t *testing.T, info *Info) {
	t.Helper()
	if j := info.AppendJSON(nil); len(j) > maxJSON {
		t.Fatalf("%d bytes of JSON", len(j))
	}
	text := func(what, s string, most int) {
		if len(s) > most || !utf8.ValidString(s) {
			t.Fatalf("%s has %d bytes, UTF-8: %t", what, len(s), utf8.ValidString(s))
		}
	}
	if len(info.Columns) > maxItems || len(info.Arrays) > maxItems {
		t.Fatalf("%d columns, %d arrays", len(info.Columns), len(info.Arrays))
	}
	for _, s := range info.Findings {
		text("a finding", s, maxName)
		if strings.Contains(s, "could not be read") {
			t.Fatal(s)
		}
	}
	for name, v := range info.Attrs {
		text("attribute "+name, v, maxName)
	}
	text("the media type", info.MIME, maxName)
	for _, c := range info.Columns {
		text("the name of a column", c.Name, maxName)
		text("the type of a column", c.Type, maxType)
		text("the unit of a column", c.Unit, maxName)
	}
	for _, a := range info.Arrays {
		text("the name of an array", a.Name, maxName)
		text("the type of an array", a.Type, maxType)
		text("the unit of an array", a.Unit, maxName)
		if len(a.Shape) > maxRank {
			t.Fatalf("an array of rank %d", len(a.Shape))
		}
		for _, n := range a.Shape {
			if n < 0 {
				t.Fatalf("%s: %v", info.Format, a)
			}
		}
	}
}
