package header

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/golden.json anew; read it before you commit it")

// samples returns the files of testdata that the programs wrote.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	list, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.IsDir() || strings.HasPrefix(e.Name(), "make") || e.Name() == "golden.json" {
			continue
		}
		if files[e.Name()], err = os.ReadFile(filepath.Join("testdata", e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func read(b []byte) Info { return Read(bytes.NewReader(b), int64(len(b))) }

// What is known of each file that a real program wrote.
func TestFilesOfRealProgramsAreKnown(t *testing.T) {
	type entry struct {
		Info        Info
		Fingerprint string
	}
	got := make(map[string]entry)
	for name, b := range samples(t) {
		info := read(b)
		got[name] = entry{info, info.Fingerprint()}
	}
	j, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "golden.json")
	if *update {
		if err := os.WriteFile(golden, append(j, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	var wanted map[string]json.RawMessage
	if err := json.Unmarshal(want, &wanted); err != nil {
		t.Fatal(err)
	}
	for name, e := range got {
		j, _ := json.Marshal(e)
		var w bytes.Buffer
		if wanted[name] == nil || json.Compact(&w, wanted[name]) != nil || !bytes.Equal(j, w.Bytes()) {
			t.Errorf("%s:\ngot  %s\nwant %s", name, j, w.Bytes())
		}
		delete(wanted, name)
	}
	for name := range wanted {
		t.Errorf("%s is missing", name)
	}
}

// A file that was cut off, at any byte, is told and does not end the process.
func TestFilesThatAreCutOff(t *testing.T) {
	for name, b := range samples(t) {
		step := max(1, len(b)/400)
		for n := 0; n < len(b); n += step {
			info := read(b[:n])
			if info.Format == "" && n > 1100 && !strings.HasSuffix(name, ".edf") {
				t.Errorf("%s: nothing is known of the first %d bytes", name, n)
			}
			if len(info.Findings) > 0 && strings.Contains(info.Findings[0], "could not be read") {
				t.Errorf("%s: the first %d bytes: %s", name, n, info.Findings[0])
			}
		}
	}
}

func TestFilesWithDamage(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	for name, b := range samples(t) {
		for range 200 {
			bad := bytes.Clone(b)
			for range 1 + r.IntN(8) {
				bad[r.IntN(min(len(bad), 4096))] = byte(r.Uint32())
			}
			info := read(bad)
			if len(info.Findings) > 0 && strings.Contains(info.Findings[0], "could not be read") {
				t.Errorf("%s: %s", name, info.Findings[0])
			}
		}
	}
}

// countingReader is an endless file that begins as another and counts what is read.
type countingReader struct {
	head []byte
	read int64
}

func (r *countingReader) ReadAt(p []byte, off int64) (int, error) {
	for n, at := 0, off%int64(len(r.head)); n < len(p); at = 0 {
		n += copy(p[n:], r.head[at:])
	}
	r.read += int64(len(p))
	return len(p), nil
}

func TestNoMoreIsReadThanIsPromised(t *testing.T) {
	for name, b := range samples(t) {
		r := &countingReader{head: b}
		info := Read(r, 1<<50)
		if r.read > maxPages*pageSize {
			t.Errorf("%s: %d bytes were read, at most %d are allowed", name, r.read, maxPages*pageSize)
		}
		if j := info.AppendJSON(nil); len(j) > maxJSON {
			t.Errorf("%s: %d bytes of JSON", name, len(j))
		}
	}
}

func TestTablesAreRecognised(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"titles and types", "a,b,c,d,e,f\n1,1.5,true,2026-11-22,2026-11-22T10:00:00Z,x\n-2,,false,,,\n", "csv comma 2: a int64, b float64, c bool, d date, e time, f string"},
		{"no titles", "1,2\n3,4\n", "csv comma 2: column 1 int64, column 2 int64"},
		{"one line only", "a,b\n", "text"},
		{"one column", "a\n1\n2\n", "text"},
		{"uneven", "a,b\n1\n1,2,3\n", "text"},
		{"prose with commas", "Dear all, hello\nthis is text, and\nmore, and more, and more\n", "text"},
		{"missing values say nothing", "a\tb\nNA\t\nNaN\t\n", "tsv tab 2: a , b "},
		{"missing values among others", "a;b\nNA;1\n3;null\n", "csv semicolon 2: a int64, b int64"},
		{"decimal commas", "a;b\n1,5;2\n2,5;3\n", "csv semicolon 2: a float64, b int64"},
		{"pipes", "a|b\n1|x\n", "csv pipe 1: a int64, b string"},
		{"quoted separators and lines", "a,b\n\"x,y\n\"\"z\"\"\",1\n\"\",2\n", "csv comma 2: a string, b int64"},
		{"no line end at the end", "a,b\n1,2", "csv comma 1: a int64, b int64"},
		{"empty lines at the end", "a,b\n1,2\n\n\n", "csv comma 1: a int64, b int64"},
		{"comment lines", "# made by R\n# on Sunday\na,b\n1,2\n", "csv comma 1: a int64, b int64"},
		{"numbers that are no integers", "a,b\n1e5,inf\n+3,-Infinity\n", "csv comma 2: a float64, b float64"},
		{"signs alone", "a,b\n-,+\n", "csv comma 1: a string, b string"},
		{"long integers", "a,b\n123456789012345678901,1\n", "csv comma 1: a float64, b int64"},
		{"title twice", "a,a\n1,2\n", "csv comma 2: column 1 string, column 2 string"},
		{"binary", "a,b\n1,\x00\n", ""},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		info := read([]byte(tt.text))
		got := info.Format
		if info.Rows != nil {
			var cols []string
			for _, c := range info.Columns {
				cols = append(cols, c.Name+" "+c.Type)
			}
			got += " " + info.Attrs["delimiter"] + " " + string(rune('0'+*info.Rows)) + ": " + strings.Join(cols, ", ")
		}
		if got != tt.want {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

// Quoted cells may hold lines and quotes, and lie over the bounds of what is read at once.
func TestRowsOfALongTableAreCounted(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	w.Write([]string{"name", "note", "value"})
	rows := 0
	for ; text.Len() < 300<<10; rows++ {
		note := []string{"plain", "two\nlines", `a "word"`, "\n\n\n", `"`, "a,b"}[r.IntN(6)]
		w.Write([]string{"sub-" + strings.Repeat("x", r.IntN(50)), note, "1.5"})
		w.Flush()
	}
	info := read(text.Bytes())
	if info.Rows == nil || *info.Rows != int64(rows) || len(info.Columns) != 3 {
		t.Errorf("got %+v, want %d rows", info, rows)
	}
}

func TestJSONIsRecognised(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"object", ` {"a": 1, "b": {"c": [1, "}"]}, "d\n": "x\"y"}`, `json a int64, b object, d\n string`},
		{"list of objects", `[{"a":1,"b":true},{"a":2.5,"c":null}]`, "json rows 2 a float64, b bool, c "},
		{"list of numbers", "[1, 2, 3]", "json rows 3"},
		{"mixed types", `[{"a":1},{"a":"x"}]`, "json rows 2 a mixed"},
		{"lines", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", "jsonl rows 3 a int64"},
		{"empty object", "{}", "json"},
		{"empty list", "[]", "json rows 0"},
		{"cut off", `{"a": 1, "b": [1, 2`, "json a int64 broken"},
		{"no comma", `{"a": 1 "b": 2}`, "json a int64 broken"},
		{"not JSON", "{ this is a template }", "text"},
		{"a list in brackets", "[section]\nkey = value\n", "text"},
	}
	for _, tt := range tests {
		info := read([]byte(tt.text))
		got := info.Format
		if info.Rows != nil {
			got += " rows " + string(rune('0'+*info.Rows))
		}
		for i, c := range info.Columns {
			got += map[bool]string{true: " ", false: ", "}[i == 0] + strings.ReplaceAll(c.Name, "\n", `\n`) + " " + c.Type
		}
		if len(info.Findings) > 0 {
			got += " broken"
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestFingerprintIsThatOfTheSchema(t *testing.T) {
	fp := func(text string) string { i := read([]byte(text)); return i.Fingerprint() }
	base := fp("a,b\n1,2\n")
	if base == "" || base != fp("a,b\n3,4\n5,6\n") {
		t.Error("more rows are another schema")
	}
	for _, other := range []string{"a,c\n1,2\n", "a,b\n1,x\n", "b,a\n1,2\n", "a\tb\n1\t2\n", "a,b,c\n1,2,3\n"} {
		if fp(other) == base {
			t.Errorf("%q is the same schema", other)
		}
	}
	// The format of the fingerprint is for ever: see doc.go.
	if want := "1d4ea7"; base[:6] != want {
		t.Errorf("the fingerprint of a,b: got %s, want %s...", base, want)
	}
	plain := read([]byte("no table"))
	if plain.Fingerprint() != "" {
		t.Error("a text has no schema")
	}
}

func TestLongHeadersAreCut(t *testing.T) {
	var names []string
	for i := range 3000 {
		names = append(names, strings.Repeat("n", 6)+string(rune('a'+i%26)))
	}
	info := Info{Format: "csv"}
	for _, n := range names {
		info.column(Column{Name: strings.Repeat(n, 20), Type: "int64"})
	}
	if len(info.Columns) != maxItems || !info.Truncated {
		t.Errorf("%d columns are kept, truncated %t", len(info.Columns), info.Truncated)
	}
	j := info.AppendJSON(nil)
	back, err := ParseJSON(j)
	if err != nil || len(j) > maxJSON || !back.Truncated || len(back.Columns) < 100 {
		t.Errorf("%d bytes, %d columns, %v", len(j), len(back.Columns), err)
	}
}

func BenchmarkRead(b *testing.B) {
	files := samples(b)
	for _, name := range []string{"table.csv", "old.h5", "one.nii.gz", "plain.npy", "photo.jpg", "arrow.parquet", "sidecar.json"} {
		b.Run(name, func(b *testing.B) {
			data := files[name]
			for b.Loop() {
				read(data)
			}
		})
	}
	var table strings.Builder
	table.WriteString("time,channel,value,label\n")
	for i := range 40_000 {
		table.WriteString("12.5,3,")
		table.WriteString(strings.Repeat("7", 1+i%6))
		table.WriteString(",stimulus\n")
	}
	b.Run("1MB.csv", func(b *testing.B) {
		data := []byte(table.String())
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			read(data)
		}
	})
	b.Run("4KB.csv", func(b *testing.B) {
		data := []byte(table.String()[:4096])
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			read(data)
		}
	})
}
