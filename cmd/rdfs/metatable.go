package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rdfs/rdfs/internal/metadata"
)

// A table of metadata has a column "path", relative to the root of the drive, and a
// column for each field. An empty cell says nothing about the field; a cell of 0s is
// the empty text (see metadata.EncodeValue).

// format of a table of metadata.
type format string

const (
	formatCSV  format = "csv"
	formatTSV  format = "tsv"
	formatJSON format = "json"
)

// tableRow is a row with its line in the file.
type tableRow struct {
	metadata.Row
	line int
}

// writeTable writes files as a table.
func writeTable(w io.Writer, files []metadata.File, f format) error {
	if f == formatJSON {
		return writeJSONTable(w, files)
	}
	var fields []string
	column := make(map[string]int)
	for _, file := range files {
		for _, v := range file.Values {
			if _, ok := column[v.Field]; !ok {
				column[v.Field] = 0
				fields = append(fields, v.Field)
			}
		}
	}
	slices.Sort(fields)
	for i, field := range fields {
		column[field] = i + 1
	}
	out := csv.NewWriter(w)
	if f == formatTSV {
		out.Comma = '\t'
	}
	out.Write(append([]string{"path"}, fields...))
	row := make([]string, len(fields)+1)
	for _, file := range files {
		clear(row)
		row[0] = file.Path
		for _, v := range file.Values {
			row[column[v.Field]] = v.Value
		}
		out.Write(row)
	}
	out.Flush()
	return out.Error()
}

type jsonRow struct {
	Path     string         `json:"path"`
	Metadata map[string]any `json:"metadata"`
}

func writeJSONTable(w io.Writer, files []metadata.File) error {
	rows := make([]jsonRow, 0, len(files))
	for _, file := range files {
		r := jsonRow{file.Path, make(map[string]any, len(file.Values))}
		for _, v := range file.Values {
			r.Metadata[v.Field] = v.Value
		}
		rows = append(rows, r)
	}
	return printJSON(w, rows)
}

// readTable reads a table. clearEmpty makes an empty cell remove the field.
func readTable(data []byte, f format, clearEmpty bool) ([]tableRow, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // Excel
	if f == formatJSON {
		return readJSONTable(data)
	}
	in := csv.NewReader(bytes.NewReader(data))
	in.Comma = comma(data, f)
	in.ReuseRecord = true
	head, err := in.Read()
	if err == io.EOF {
		return nil, errors.New("the table is empty: its first line names the columns, and one of them is path")
	}
	if err != nil {
		return nil, err
	}
	head = slices.Clone(head)
	at := slices.Index(head, "path")
	if at < 0 {
		return nil, fmt.Errorf("line 1: no column is called path; the columns are %s", strings.Join(head, ", "))
	}
	for i, name := range head {
		if slices.Contains(head[:i], name) {
			return nil, fmt.Errorf("line 1: two columns are called %q", name)
		}
	}
	var rows []tableRow
	for {
		record, err := in.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := in.FieldPos(0)
		r := tableRow{metadata.Row{Path: strings.Clone(record[at])}, line}
		if r.Path == "" {
			return nil, fmt.Errorf("line %d: no path", line)
		}
		for i, cell := range record {
			switch {
			case i == at || cell == "" && !clearEmpty:
			case cell == "":
				r.Unset = append(r.Unset, head[i])
			default:
				if r.Set == nil {
					r.Set = make(map[string]string, len(record)-1)
				}
				r.Set[head[i]] = strings.Clone(cell)
			}
		}
		rows = append(rows, r)
	}
}

// comma is what separates the cells: in a CSV file a semicolon when its first line has
// those and no comma, as spreadsheets write it in some countries.
func comma(data []byte, f format) rune {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	switch {
	case f == formatTSV:
		return '\t'
	case bytes.ContainsRune(first, ';') && !bytes.ContainsRune(first, ','):
		return ';'
	}
	return ','
}

// readJSONTable reads a list of {"path": ..., "metadata": {...}}. null removes a field.
func readJSONTable(data []byte) ([]tableRow, error) {
	var list []jsonRow
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf(`want a list of {"path": "a.csv", "metadata": {"field": "value"}}: %w`, err)
	}
	var rows []tableRow
	for i, j := range list {
		if j.Path == "" {
			return nil, fmt.Errorf("entry %d: no path", i+1)
		}
		r := tableRow{metadata.Row{Path: j.Path, Set: map[string]string{}}, i + 1}
		for field, v := range j.Metadata {
			text, err := jsonText(v)
			if err != nil {
				return nil, fmt.Errorf("entry %d: %s: %s: %w", i+1, j.Path, field, err)
			}
			if text == nil {
				r.Unset = append(r.Unset, field)
			} else {
				r.Set[field] = *text
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// jsonText writes a value as an attribute has it; nil for null.
func jsonText(v any) (*string, error) {
	var s string
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		if s = v; s == "" {
			s = metadata.EncodeValue(nil)
		}
	case bool, json.Number:
		s = fmt.Sprint(v)
	case []any:
		var parts []string
		for _, e := range v {
			t, err := jsonText(e)
			if err != nil || t == nil {
				return nil, errors.New("a list has texts, numbers, true and false")
			}
			parts = append(parts, *t)
		}
		s = strings.Join(parts, ",")
	default:
		return nil, errors.New("want a text, a number, true, false, null or a list of these")
	}
	return &s, nil
}
