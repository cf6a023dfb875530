package header

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	sample     = 16 << 10 // bytes of a text that are looked at
	sampleRows = 100      // rows of a table whose types are looked at
	countLines = 64 << 20 // bytes: the rows of a longer table are not counted
)

// readText recognises JSON, tables of separated values, and other text.
func readText(s *source, info *Info) {
	text := s.prefix(sample)
	if !isText(text, int64(len(text)) < s.size) {
		return
	}
	charset := "utf-8"
	body := bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(cutRune(text)) {
		charset = "iso-8859-1"
		runes := make([]rune, len(text))
		for i, c := range text {
			runes[i] = rune(c)
		}
		body = []byte(string(runes))
	}
	whole := int64(len(text)) == s.size
	if readJSON(s, info, body, whole); info.Format != "" {
		return
	}
	if readTable(s, info, body, whole); info.Format == "" {
		info.Format, info.MIME = "text", "text/plain"
		trimmed := bytes.TrimLeft(body, " \t\r\n")
		switch {
		case bytes.HasPrefix(trimmed, []byte("<?xml")):
			info.Format, info.MIME = "xml", "application/xml"
		case len(trimmed) > 14 && strings.EqualFold(string(trimmed[:9]), "<!doctype"), bytes.HasPrefix(trimmed, []byte("<html")):
			info.Format, info.MIME = "html", "text/html"
		}
	}
	info.attr("charset", charset)
}

// cutRune leaves out a character that is cut off at the end.
func cutRune(b []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if r := b[len(b)-i]; utf8.RuneStart(r) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

// notText are the bytes that no text has.
var notText = func() (t [256]bool) {
	for c := range byte(' ') {
		t[c] = c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1b
	}
	return t
}()

// isText reports whether b has no control characters that text does not have, and is
// UTF-8 or mostly so.
func isText(b []byte, more bool) bool {
	for _, c := range b {
		if notText[c] {
			return false
		}
	}
	if more {
		b = cutRune(b)
	}
	if utf8.Valid(b) {
		return true
	}
	// Latin-1: letters beyond ASCII are few, and the C1 control characters are not used.
	high := 0
	for _, c := range b {
		if c >= 0x80 && c < 0xa0 {
			return false
		}
		if c >= 0xa0 {
			high++
		}
	}
	return high*3 < len(b)
}

// readTable recognises separated values: at least two lines that have the same number
// of cells, at least two.
func readTable(s *source, info *Info, text []byte, whole bool) {
	comment := 0
	for bytes.HasPrefix(text, []byte("#")) { // lines of comment before the table
		_, rest, ok := bytes.Cut(text, []byte("\n"))
		if !ok {
			return
		}
		text = rest
		comment++
	}
	sep, rows := byte(0), [][]string(nil)
	shared := string(text) // the cells are parts of it
	for _, c := range []byte(",\t;|") {
		got, even := cells(shared, c, whole)
		if even && len(got) >= 2 && len(got[0]) >= 2 && (rows == nil || len(got[0]) > len(rows[0])) {
			sep, rows = c, got
		}
	}
	if rows == nil {
		return
	}
	info.Format, info.MIME = "csv", "text/csv"
	if sep == '\t' {
		info.Format, info.MIME = "tsv", "text/tab-separated-values"
	}
	info.attr("delimiter", map[byte]string{',': "comma", '\t': "tab", ';': "semicolon", '|': "pipe"}[sep])
	if comment > 0 {
		info.attr("comment_lines", strconv.Itoa(comment))
	}
	if bytes.IndexByte(text, '"') >= 0 {
		info.attr("quote", `"`)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if bytes.HasSuffix(line, []byte("\r")) {
		info.attr("line_ending", "crlf")
	}
	decimalComma := sep == ';'
	titled := hasTitles(rows, decimalComma)
	body := rows
	if titled {
		body = rows[1:]
	}
	for i := range rows[0] {
		c := Column{Name: "column " + strconv.Itoa(i+1)}
		if titled {
			c.Name = rows[0][i]
		}
		var t cellType
		for _, row := range body {
			t = t.with(typeOf(row[i], decimalComma))
		}
		c.Type = t.String()
		info.column(c)
	}
	if !titled {
		info.attr("titles", "none")
	}
	if n := countRows(s); n >= 0 {
		if titled {
			n--
		}
		info.rows(n - int64(comment))
	}
}

// cells splits the first lines into cells, and reports whether all rows have as many.
func cells(text string, sep byte, whole bool) (rows [][]string, even bool) {
	// A table has the separator in its first line, or a quoted cell that goes on.
	line, _, _ := strings.Cut(text, "\n")
	if strings.IndexByte(line, sep) < 0 && strings.IndexByte(line, '"') < 0 {
		return nil, false
	}
	width := 0
	var all []string // room for the rows
	for len(text) > 0 && len(rows) <= sampleRows {
		first := len(all)
		rest, ok := "", false
		all, rest, ok = cutRow(all, text, sep)
		row := all[first:len(all):len(all)]
		if !ok && !whole {
			break // the rest of the row is behind the sample
		}
		text = rest
		if len(row) == 1 && strings.TrimSpace(row[0]) == "" && strings.TrimSpace(text) == "" {
			break // empty lines at the end
		}
		if len(row) > maxItems*10 || len(rows) > 0 && len(row) != width {
			return rows, false
		}
		width = len(row)
		rows = append(rows, row)
	}
	return rows, true
}

// cutRow cuts the first row off a text and appends its cells. ok is false when the text
// ends before the row does.
func cutRow(row []string, text string, sep byte) (_ []string, rest string, ok bool) {
	for {
		if len(text) > 0 && text[0] == '"' {
			cell, quoted := "", text[1:]
			for {
				end := strings.IndexByte(quoted, '"')
				if end < 0 {
					return append(row, cell+quoted), "", false
				}
				cell += quoted[:end]
				quoted = quoted[end+1:]
				if len(quoted) == 0 || quoted[0] != '"' {
					break
				}
				cell += `"`
				quoted = quoted[1:]
			}
			row = append(row, cell)
			text = quoted
			// What stands between the quote and the separator belongs to nothing.
			for len(text) > 0 && text[0] != sep && text[0] != '\n' {
				text = text[1:]
			}
		} else {
			i := 0
			for i < len(text) && text[i] != sep && text[i] != '\n' {
				i++
			}
			row = append(row, strings.TrimSuffix(text[:i], "\r"))
			text = text[i:]
		}
		if len(text) == 0 {
			return row, "", false
		}
		end := text[0] == '\n'
		text = text[1:]
		if end {
			return row, text, true
		}
	}
}

// cellType is a set of types that the cells of a column may have.
type cellType uint8

const (
	cellSeen cellType = 1 << iota // something other than nothing
	notInt
	notFloat
	notBool
	notDate
	notTime
)

// with joins what two cells may be.
func (t cellType) with(u cellType) cellType { return t | u }

func (t cellType) String() string {
	switch {
	case t&cellSeen == 0:
		return ""
	case t&notInt == 0:
		return "int64"
	case t&notFloat == 0:
		return "float64"
	case t&notBool == 0:
		return "bool"
	case t&notDate == 0:
		return "date"
	case t&notTime == 0:
		return "time"
	}
	return "string"
}

const notNumber = cellSeen | notInt | notFloat

// typeOf says what a cell cannot be. Nothing, NA and the like say nothing.
func typeOf(cell string, decimalComma bool) cellType {
	if cell != "" && (cell[0] <= ' ' || cell[len(cell)-1] <= ' ') {
		cell = strings.TrimSpace(cell)
	}
	switch cell {
	case "", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None":
		return 0
	case "true", "false", "TRUE", "FALSE", "True", "False":
		return notNumber | notDate | notTime
	}
	const number = cellSeen | notBool | notDate | notTime
	c := cell[0]
	if c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' {
		digits := true
		for i := 0; i < len(cell); i++ {
			if (cell[i] < '0' || cell[i] > '9') && (i > 0 || c != '-' && c != '+') {
				digits = false
				break
			}
		}
		if digits && len(cell) < 19 && len(cell) > strings.IndexAny(cell, "0123456789") && cell != "-" && cell != "+" {
			return number
		}
		if decimalComma {
			cell = strings.Replace(cell, ",", ".", 1)
		}
		if _, err := strconv.ParseFloat(cell, 64); err == nil {
			return number | notInt
		}
		if len(cell) == 10 && cell[4] == '-' {
			if _, err := time.Parse("2006-01-02", cell); err == nil {
				return notNumber | notBool | notTime
			}
		}
		if len(cell) > 10 && cell[4] == '-' && isMoment(cell) {
			return notNumber | notBool | notDate
		}
	} else if strings.EqualFold(cell, "inf") || strings.EqualFold(cell, "infinity") {
		return number | notInt
	}
	return notNumber | notBool | notDate | notTime
}

func isMoment(cell string) bool {
	for _, l := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04"} {
		if _, err := time.Parse(l, cell); err == nil {
			return true
		}
	}
	return false
}

// hasTitles reports whether the first row names the columns: no cell of it is a number,
// and none is there twice.
func hasTitles(rows [][]string, decimalComma bool) bool {
	seen := make(map[string]bool, len(rows[0]))
	for _, cell := range rows[0] {
		t := typeOf(cell, decimalComma)
		if t&cellSeen != 0 && t&notFloat == 0 || seen[cell] && cell != "" {
			return false
		}
		seen[cell] = true
	}
	return true
}

// countRows counts the lines of a text that are no part of a quoted cell, without those
// that are empty at the end; -1 when the text is too long.
func countRows(s *source) int64 {
	if s.size > countLines {
		return -1
	}
	buf := make([]byte, min(s.size, 64<<10))
	var rows int64
	quoted, last, blank := false, byte('\n'), int64(0)
	for off := int64(0); off < s.size; {
		n, err := s.r.ReadAt(buf, off)
		if n == 0 && err != nil {
			return -1
		}
		b := buf[:n]
		off += int64(n)
		if !quoted && bytes.IndexByte(b, '"') < 0 {
			rows += int64(bytes.Count(b, newline))
		} else {
			var ended int64
			ended, quoted = countQuoted(b, quoted)
			rows += ended
		}
		last = b[n-1]
		if off >= s.size {
			end := bytes.TrimRight(b, " \t\r\n")
			blank = int64(bytes.Count(b[len(end):], newline))
		}
	}
	if last != '\n' {
		rows++
	}
	if blank > 1 {
		rows -= blank - 1
	}
	return rows
}

var newline, quote = []byte("\n"), []byte(`"`)

// countQuoted counts the lines of b that end outside of a quoted cell. quoted says
// whether b begins within one, and returned, whether it ends so.
func countQuoted(b []byte, quoted bool) (rows int64, _ bool) {
	for len(b) > 0 {
		line, rest, ends := bytes.Cut(b, newline)
		quoted = quoted != (bytes.Count(line, quote)%2 == 1)
		if ends && !quoted {
			rows++
		}
		b = rest
	}
	return rows, quoted
}
