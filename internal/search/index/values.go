package index

import (
	"math"
	"strings"
	"time"

	"github.com/rdfs/rdfs/internal/schema"
)

// What a number measures, as the dictionaries keep it.
const (
	plainNumber = 0 // also all numbers of a declared field
	moment      = 1 // seconds since 1970
	firstOther  = 2 // dimensions[dim-firstOther]
)

// number reads a value of a field as a number; ok is false when it is none.
func (x *Index) number(field, text string) (n float64, dim uint8, ok bool) {
	if t, declared := x.o.Schema.Type(field); declared {
		if t == schema.String {
			return 0, 0, false
		}
		n, err := x.o.Schema.Number(field, text)
		if err != nil {
			return 0, 0, false
		}
		if t == schema.Date || t == schema.Time {
			dim = moment
		}
		return n, dim, true
	}
	if text == "" || text[0] != '+' && text[0] != '-' && text[0] != '.' && (text[0] < '0' || text[0] > '9') {
		return 0, 0, false
	}
	if from, _, ok := parseDay(text, time.UTC); ok {
		return schema.Seconds(from), moment, true
	}
	n, of, ok := schema.Measure(text)
	if !ok || math.IsInf(n, 0) {
		return 0, 0, false
	}
	if of == (schema.Dimension{}) {
		return n, plainNumber, true
	}
	for i, d := range x.dimensions {
		if d == of {
			return n, uint8(firstOther + i), true
		}
	}
	if len(x.dimensions) == 256-firstOther {
		return 0, 0, false
	}
	x.dimensions = append(x.dimensions, of)
	return n, uint8(firstOther + len(x.dimensions) - 1), true
}

// layouts of moments, and how long each lasts.
var layouts = []struct {
	layout string
	add    func(time.Time) time.Time
}{
	{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
	{"2006-01-02T15:04:05Z07:00", func(t time.Time) time.Time { return t }},
	{"2006-01-02 15:04:05Z07:00", func(t time.Time) time.Time { return t }},
	{"2006-01-02T15:04Z07:00", func(t time.Time) time.Time { return t.Add(time.Minute) }},
	{"2006-01-02T15:04:05", func(t time.Time) time.Time { return t }},
	{"2006-01-02 15:04:05", func(t time.Time) time.Time { return t }},
	{"2006-01-02T15:04", func(t time.Time) time.Time { return t.Add(time.Minute) }},
	{"2006-01-02 15:04", func(t time.Time) time.Time { return t.Add(time.Minute) }},
}

// parseDay reads a date or a moment: it lasts from from until to, which are equal when
// it is a moment.
func parseDay(text string, zone *time.Location) (from, to time.Time, ok bool) {
	if len(text) < 10 || text[4] != '-' || strings.Contains(text, ",") {
		return from, to, false
	}
	for _, l := range layouts {
		if t, err := time.ParseInLocation(l.layout, text, zone); err == nil && t.Year() > 0 {
			return t, l.add(t), true
		}
	}
	return from, to, false
}

// relative reads "-7d", "now", "today", "yesterday", "2025-01" and "2025": what a
// query can say beside a moment.
func relative(text string, now time.Time) (from, to time.Time, ok bool) {
	day := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch strings.ToLower(text) {
	case "now":
		return now, now, true
	case "today":
		return day, day.AddDate(0, 0, 1), true
	case "yesterday":
		return day.AddDate(0, 0, -1), day, true
	}
	if t, err := time.ParseInLocation("2006-01", text, now.Location()); err == nil && t.Year() > 0 {
		return t, t.AddDate(0, 1, 0), true
	}
	if t, err := time.ParseInLocation("2006", text, now.Location()); err == nil && t.Year() > 0 {
		return t, t.AddDate(1, 0, 0), true
	}
	if len(text) < 3 || text[0] != '-' && text[0] != '+' {
		return from, to, false
	}
	k, n := 1, 0
	for ; k < len(text) && '0' <= text[k] && text[k] <= '9' && n < 1e6; k++ {
		n = n*10 + int(text[k]-'0')
	}
	if k == 1 {
		return from, to, false
	}
	if text[0] == '-' {
		n = -n
	}
	t := now
	switch text[k:] {
	case "s":
		t = t.Add(time.Duration(n) * time.Second)
	case "min":
		t = t.Add(time.Duration(n) * time.Minute)
	case "h":
		t = t.Add(time.Duration(n) * time.Hour)
	case "d":
		t = t.AddDate(0, 0, n)
	case "w":
		t = t.AddDate(0, 0, 7*n)
	case "mo":
		t = t.AddDate(0, n, 0)
	case "y":
		t = t.AddDate(n, 0, 0)
	default:
		return from, to, false
	}
	return t, t, true
}

// sizeUnits are the units of sizes, in lower case.
var sizeUnits = map[string]float64{
	"": 1, "b": 1,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40, "pib": 1 << 50,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "pb": 1e15,
}

// parseSize reads "10MB", "4KiB" and "4096" as bytes.
func parseSize(text string) (float64, bool) {
	k := len(text)
	for k > 0 && (text[k-1] < '0' || text[k-1] > '9') && text[k-1] != '.' {
		k--
	}
	mul, ok := sizeUnits[strings.ToLower(strings.TrimSpace(text[k:]))]
	n, dim, number := schema.Measure(text[:k])
	return n * mul, ok && number && dim == schema.Dimension{}
}
