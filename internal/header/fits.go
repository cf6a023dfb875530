package header

import (
	"strconv"
	"strings"
)

const (
	fitsBlock = 2880
	fitsCard  = 80
	maxHDUs   = 100
	maxCards  = 10_000 // of one header
)

// readFITS reads the headers of a FITS file: images are arrays, and the first table is
// the table.
func readFITS(s *source, info *Info) {
	info.Format, info.MIME = "fits", "application/fits"
	off := int64(0)
	for n := 0; off < s.size; n++ {
		if n == maxHDUs {
			info.Truncated = true
			return
		}
		cards, next := fitsCards(s, off)
		if next < 0 {
			info.finding("the header at byte %d does not end", off)
			return
		}
		if n > 0 && cards["XTENSION"] == "" {
			if n > 0 && off > 0 {
				info.finding("what follows at byte %d is no extension", off)
			}
			return
		}
		off = next + fitsUnit(info, cards, n)
		if off < next {
			info.finding("a data unit has an impossible size")
			return
		}
	}
	if off > s.size+fitsBlock {
		info.finding("the file ends before its data")
	}
}

// fitsCards reads a header from off on, and returns what comes behind it, -1 when it
// does not end.
func fitsCards(s *source, off int64) (cards map[string]string, next int64) {
	cards = make(map[string]string)
	for n := 0; n < maxCards; n++ {
		card := string(s.bytes(off+int64(n)*fitsCard, fitsCard))
		if len(card) < fitsCard {
			return cards, -1
		}
		key := strings.TrimSpace(card[:8])
		if key == "END" {
			end := off + int64(n+1)*fitsCard
			return cards, (end + fitsBlock - 1) / fitsBlock * fitsBlock
		}
		if card[8:10] == "= " {
			if _, twice := cards[key]; !twice {
				cards[key] = fitsValue(card[10:])
			}
		}
	}
	return cards, -1
}

// fitsValue returns the value of a card without its comment.
func fitsValue(s string) string {
	s = strings.TrimLeft(s, " ")
	if strings.HasPrefix(s, "'") {
		var b strings.Builder
		for i := 1; i < len(s); i++ {
			if s[i] == '\'' {
				if i+1 >= len(s) || s[i+1] != '\'' {
					break
				}
				i++
			}
			b.WriteByte(s[i])
		}
		return strings.TrimRight(b.String(), " ")
	}
	v, _, _ := strings.Cut(s, "/")
	return strings.TrimSpace(v)
}

var fitsTypes = map[int64]string{8: "uint8", 16: "int16", 32: "int32", 64: "int64", -32: "float32", -64: "float64"}

// fitsUnit adds what a header describes, and returns the bytes of its data.
func fitsUnit(info *Info, cards map[string]string, n int) int64 {
	number := func(key string, def int64) int64 {
		v, err := strconv.ParseInt(cards[key], 10, 64)
		if err != nil {
			return def
		}
		return v
	}
	bits, rank := number("BITPIX", 8), number("NAXIS", 0)
	if rank < 0 || rank > 999 || fitsTypes[bits] == "" {
		info.finding("header %d: BITPIX %d, NAXIS %d", n+1, bits, rank)
		return -1
	}
	a := Array{Name: cards["EXTNAME"], Type: fitsTypes[bits], Unit: cards["BUNIT"]}
	size := max(bits, -bits) / 8
	const most = 1 << 50
	for i := int64(1); i <= rank; i++ {
		d := number("NAXIS"+strconv.FormatInt(i, 10), 0)
		if d < 0 || d > most || size > 0 && d > most/size {
			return -1
		}
		a.Shape = append([]int64{d}, a.Shape...) // FITS names the fastest dimension first
		size *= d
	}
	if rank == 0 {
		size = 0
	}
	heap, groups := number("PCOUNT", 0), number("GCOUNT", 1)
	if heap < 0 || heap > most || groups < 0 || groups > 1<<20 {
		return -1
	}
	switch cards["XTENSION"] {
	case "BINTABLE", "TABLE":
		fitsTable(info, cards, number)
	default:
		if rank > 0 {
			if a.Name == "" && n == 0 {
				a.Name = "PRIMARY"
			}
			info.array(a)
		}
	}
	return ((size+heap)*max(groups, 1) + fitsBlock - 1) / fitsBlock * fitsBlock
}

var fitsForms = map[byte]string{'L': "bool", 'X': "bit", 'B': "uint8", 'I': "int16", 'J': "int32", 'K': "int64", 'A': "string",
	'E': "float32", 'D': "float64", 'C': "complex64", 'M': "complex128", 'P': "vlen", 'Q': "vlen", 'F': "float64"}

// fitsTable adds the columns of the first table; of others it adds an array of records.
func fitsTable(info *Info, cards map[string]string, number func(string, int64) int64) {
	rows := number("NAXIS2", 0)
	if info.Rows != nil {
		info.array(Array{Name: cards["EXTNAME"], Type: "record", Shape: []int64{rows}})
		return
	}
	info.rows(rows)
	for i := int64(1); i <= min(number("TFIELDS", 0), 999); i++ {
		k := strconv.FormatInt(i, 10)
		form := strings.TrimSpace(cards["TFORM"+k])
		repeat := strings.TrimRight(form, "ABCDEFIJKLMPQXabcdefijklmpqx()0123456789.")
		letter := strings.TrimLeft(form, "0123456789")
		c := Column{Name: cards["TTYPE"+k], Unit: cards["TUNIT"+k]}
		if letter != "" && repeat == "" {
			c.Type = fitsForms[letter[0]]
			count := strings.TrimSuffix(form, letter)
			if count != "" && count != "1" && letter[0] != 'A' && cards["XTENSION"] == "BINTABLE" {
				c.Type += "[" + count + "]"
			}
		}
		info.column(c)
	}
}
