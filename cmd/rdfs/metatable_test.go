package main

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/internal/metadata"
)

func TestTablesOfMetadataAreReadAsTheyAreWritten(t *testing.T) {
	files := []metadata.File{
		{Path: "a,b\n.csv", Values: []metadata.Value{{Field: "note", Value: "line\none\ttab; \"quoted\""}, {Field: "x", Value: "1"}}},
		{Path: "ü", Values: []metadata.Value{{Field: "empty", Value: metadata.EncodeValue(nil)}, {Field: "raw", Value: metadata.EncodeValue([]byte{0, 255})}}},
		{Path: "none"},
	}
	want := []metadata.Row{
		{Path: "a,b\n.csv", Set: map[string]string{"note": "line\none\ttab; \"quoted\"", "x": "1"}},
		{Path: "ü", Set: map[string]string{"empty": "0s", "raw": "0sAP8="}},
		{Path: "none", Set: nil},
	}
	for _, f := range []format{formatCSV, formatTSV, formatJSON} {
		var b bytes.Buffer
		if err := writeTable(&b, files, f); err != nil {
			t.Fatal(err)
		}
		rows, err := readTable(b.Bytes(), f, false)
		if err != nil {
			t.Fatalf("%s: %v\n%s", f, err, b.Bytes())
		}
		for i, r := range rows {
			if len(r.Set) == 0 {
				r.Set = nil
			}
			if !reflect.DeepEqual(r.Row, want[i]) {
				t.Errorf("%s: got %+v, want %+v", f, r.Row, want[i])
			}
		}
		if len(rows) != len(want) {
			t.Errorf("%s: got %d rows", f, len(rows))
		}
	}
}

func TestTablesOfPeopleAndSpreadsheets(t *testing.T) {
	tests := []struct {
		name, text string
		format     format
		clear      bool
		want       string // rows, or the error
	}{
		{"semicolons and a mark", "\xef\xbb\xbfpath;a;b\nx;1,5;\n", formatCSV, false, "2:x set[a=1,5] unset[]"},
		{"carriage returns", "path,a\r\nx,1\r\n", formatCSV, false, "2:x set[a=1] unset[]"},
		{"an empty cell removes", "path,a,b\nx,,2\n", formatCSV, true, "2:x set[b=2] unset[a]"},
		{"path is not first", "a,path\n1,x\n", formatCSV, false, "2:x set[a=1] unset[]"},
		{"json", `[{"path":"x","metadata":{"a":1.50,"b":true,"c":null,"d":["p",2],"e":""}}]`, formatJSON, false, "1:x set[a=1.50 b=true d=p,2 e=0s] unset[c]"},
		{"no path column", "file,a\nx,1\n", formatCSV, false, "line 1: no column is called path; the columns are file, a"},
		{"column twice", "path,a,a\nx,1,2\n", formatCSV, false, `line 1: two columns are called "a"`},
		{"row without a path", "path,a\nx,1\n,2\n", formatCSV, false, "line 3: no path"},
		{"too many cells", "path,a\nx,1,2\n", formatCSV, false, "record on line 2: wrong number of fields"},
		{"nothing", "", formatCSV, false, "the table is empty: its first line names the columns, and one of them is path"},
		{"nested", `[{"path":"x","metadata":{"a":{"b":1}}}]`, formatJSON, false, "entry 1: x: a: want a text, a number, true, false, null or a list of these"},
	}
	for _, tt := range tests {
		rows, err := readTable([]byte(tt.text), tt.format, tt.clear)
		got := ""
		if err != nil {
			got = err.Error()
		}
		for _, r := range rows {
			var set []string
			for _, f := range []string{"a", "b", "c", "d", "e"} {
				if v, ok := r.Set[f]; ok {
					set = append(set, f+"="+v)
				}
			}
			got += strings.Join([]string{string(rune('0'+r.line)) + ":" + r.Path, "set[" + strings.Join(set, " ") + "]", "unset[" + strings.Join(r.Unset, " ") + "]"}, " ")
		}
		if got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}
