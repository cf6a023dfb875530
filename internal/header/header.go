package header

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/rdfs/rdfs/internal/blob"
)

// Info is what a content is. The zero Info is of an unknown one.
type Info struct {
	Format      string            `json:"format,omitempty"` // "csv", "hdf5", ...; "" is unknown
	MIME        string            `json:"mime,omitempty"`   // media type
	Compression string            `json:"compression,omitempty"`
	Rows        *int64            `json:"rows,omitempty"`    // of a table; nil: no table, or not counted
	Columns     []Column          `json:"columns,omitempty"` // of a table
	Arrays      []Array           `json:"arrays,omitempty"`  // datasets, variables, images, signals
	Attrs       map[string]string `json:"attrs,omitempty"`   // of the format: dialect, sample rate, ...
	Truncated   bool              `json:"truncated,omitempty"`
	Findings    []string          `json:"findings,omitempty"` // what is wrong with the file
}

// Column is one column of a table.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"` // bool, int64, float64, string, date, time, ...; "" when nothing was seen
	Unit string `json:"unit,omitempty"`
}

// Array is something with a shape.
type Array struct {
	Name  string  `json:"name,omitempty"` // a path in HDF5: /group/dataset
	Type  string  `json:"type"`           // int16, float64, string, ...
	Shape []int64 `json:"shape"`          // slowest dimension first; empty is one value
	Unit  string  `json:"unit,omitempty"`
}

const (
	maxItems = 2000     // columns and arrays that are kept
	maxName  = 500      // bytes of a name, a value or a finding
	maxType  = 1000     // bytes of a type: that of a record names its members
	maxRank  = 1024     // dimensions of an array
	maxJSON  = 60 << 10 // of AppendJSON: an extended attribute holds 64 KiB
)

// Read tells what the content of r is. r is used only during the call.
func Read(r io.ReaderAt, size int64) (info Info) {
	s := newSource(r, size)
	// A mistake in a parser must not take down the process that saves files.
	defer func() {
		if p := recover(); p != nil {
			info = Info{Format: info.Format, MIME: "application/octet-stream", Findings: []string{fmt.Sprintf("the header could not be read: %v", p)}}
		}
	}()
	if size <= 0 {
		return Info{}
	}
	s.read(&info)
	if s.full {
		info.Truncated = true
	}
	return info
}

// kind is a format that is recognised by its first bytes.
type kind struct {
	at    int
	magic string
	read  func(*source, *Info)
}

func (k *kind) matches(b []byte) bool {
	return len(b) >= k.at+len(k.magic) && string(b[k.at:k.at+len(k.magic)]) == k.magic
}

var kinds = []kind{
	{0, "\x89HDF\r\n\x1a\n", readHDF5},
	{0, "MATLAB 5.0 MAT-file", readMAT5},
	{0, "MATLAB 7.3 MAT-file", readHDF5},
	{0, "CDF\x01", readNetCDF3}, {0, "CDF\x02", readNetCDF3}, {0, "CDF\x05", readNetCDF3},
	{0, "PAR1", readParquet},
	{0, "\x93NUMPY", readNPY},
	{0, "PK\x03\x04", readZip}, {0, "PK\x05\x06", readZip},
	{344, "n+1\x00", readNIfTI1}, {344, "ni1\x00", readNIfTI1},
	{4, "n+2\x00\r\n\x1a\n", readNIfTI2}, {4, "ni2\x00\r\n\x1a\n", readNIfTI2},
	{128, "DICM", readDICOM},
	{0, "II*\x00", readTIFF}, {0, "MM\x00*", readTIFF}, {0, "II+\x00", readTIFF}, {0, "MM\x00+", readTIFF},
	{0, "\x89PNG\r\n\x1a\n", readPNG},
	{0, "\xff\xd8\xff", readJPEG},
	{0, "SIMPLE  = ", readFITS},
	{0, "0       ", readEDF}, {0, "\xffBIOSEMI", readEDF},
	{0, "RIFF", readWAV}, {0, "RF64", readWAV},
	{0, "SQLite format 3\x00", simple("sqlite", "application/vnd.sqlite3")},
	{0, "%PDF-", simple("pdf", "application/pdf")},
	{0, "BZh", simple("bzip2", "application/x-bzip2")},
	{0, "\xfd7zXZ\x00", simple("xz", "application/x-xz")},
	{0, "\x28\xb5\x2f\xfd", simple("zstd", "application/zstd")},
}

func simple(format, mime string) func(*source, *Info) {
	return func(_ *source, info *Info) { info.Format, info.MIME = format, mime }
}

// read finds the format and reads the header.
func (s *source) read(info *Info) {
	head := s.head(512)
	if bytes.HasPrefix(head, []byte("\x1f\x8b")) {
		readGzip(s, info)
		return
	}
	for _, k := range kinds {
		if k.matches(head) {
			k.read(s, info)
			if info.Format != "" {
				return
			}
		}
	}
	if readHDF5(s, info); info.Format != "" { // behind a block of somebody else's bytes
		return
	}
	if readText(s, info); info.Format != "" {
		return
	}
	info.MIME = http.DetectContentType(head)
}

func (i *Info) finding(format string, args ...any) {
	if len(i.Findings) < 20 {
		i.Findings = append(i.Findings, clean(fmt.Sprintf(format, args...)))
	}
}

func (i *Info) attr(name, value string) {
	if value = clean(value); value == "" {
		return
	}
	if i.Attrs == nil {
		i.Attrs = make(map[string]string)
	}
	i.Attrs[name] = value
}

// column and array add one, and say that there are more when there are too many.
func (i *Info) column(c Column) {
	if len(i.Columns) >= maxItems {
		i.Truncated = true
		return
	}
	c.Name, c.Type, c.Unit = clean(c.Name), cut(c.Type, maxType), clean(c.Unit)
	i.Columns = append(i.Columns, c)
}

func (i *Info) array(a Array) {
	if len(i.Arrays) >= maxItems {
		i.Truncated = true
		return
	}
	a.Name, a.Type, a.Unit = clean(a.Name), cut(a.Type, maxType), clean(a.Unit)
	if len(a.Shape) > maxRank {
		i.finding("%s: it has %d dimensions", a.Name, len(a.Shape))
		return
	}
	if a.Shape == nil {
		a.Shape = []int64{}
	}
	for _, n := range a.Shape {
		if n < 0 {
			i.finding("%s: a dimension is negative", a.Name)
			return
		}
	}
	i.Arrays = append(i.Arrays, a)
}

func (i *Info) rows(n int64) {
	if n >= 0 {
		i.Rows = &n
	}
}

// clean makes a text of a file safe to keep: UTF-8, not long, without padding.
func clean(s string) string { return cut(strings.Trim(s, " \x00"), maxName) }

// cut makes a text UTF-8 of at most n bytes.
func cut(s string, n int) string {
	if len(s) > 2*n {
		s = s[:2*n]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// AppendJSON appends the Info as it is stored, at most 60 KiB: what comes last is left
// out of one that is longer.
func (i *Info) AppendJSON(b []byte) []byte {
	out := *i
	for {
		j, err := json.Marshal(&out)
		if err != nil {
			return append(b, "{}"...)
		}
		if len(j) <= maxJSON {
			return append(b, j...)
		}
		out.Truncated = true
		out.Columns = out.Columns[:len(out.Columns)/2]
		out.Arrays = out.Arrays[:len(out.Arrays)/2]
		if len(out.Columns)+len(out.Arrays) == 0 {
			out.Attrs = nil
		}
	}
}

// ParseJSON reads what AppendJSON wrote.
func ParseJSON(b []byte) (i Info, err error) {
	err = json.Unmarshal(b, &i)
	return i, err
}

// Fingerprint identifies the schema: what columns or arrays there are, not how long
// they are. It is "" when there are none.
func (i *Info) Fingerprint() string {
	if len(i.Columns)+len(i.Arrays) == 0 {
		return ""
	}
	var b bytes.Buffer
	b.WriteString(i.Format + "\n")
	name := func(s string) string {
		j, _ := json.Marshal(s) // a string always can be
		return string(j)
	}
	for _, c := range i.Columns {
		b.WriteString("column " + name(c.Name) + " " + c.Type + "\n")
	}
	for _, a := range i.Arrays {
		b.WriteString("array " + name(a.Name) + " " + a.Type + " " + strconv.Itoa(len(a.Shape)) + "\n")
	}
	return blob.Sum(b.Bytes()).String()
}
