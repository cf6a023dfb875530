package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// sizeUnits maps the units of sizes, in lower case, to bytes.
var sizeUnits = map[string]float64{
	"": 1, "b": 1,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40, "pib": 1 << 50,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "pb": 1e15,
}

// ParseSize reads a size such as "20GiB", "500MB" or "4096" (bytes). GiB is 1024
// MiB, GB is 1000 MB. A bare letter ("20G") is refused: it means either.
func ParseSize(s string) (int64, error) {
	num, unit := splitUnit(s)
	f, err := strconv.ParseFloat(num, 64)
	if err != nil || num == "" {
		return 0, fmt.Errorf("want a size such as 20GiB, got %q", s)
	}
	mul, ok := sizeUnits[strings.ToLower(unit)]
	if !ok {
		if u := strings.ToUpper(unit); len(u) == 1 && strings.Contains("KMGTP", u) {
			return 0, fmt.Errorf("%q is ambiguous: write %s%siB (1024) or %s%sB (1000)", s, num, u, num, u)
		}
		return 0, fmt.Errorf("unknown unit %q in %q: use B, KiB, MiB, GiB, TiB (or KB, MB, GB, TB)", unit, s)
	}
	f *= mul
	if f < 0 || f >= math.MaxInt64 {
		return 0, fmt.Errorf("size %q is out of range", s)
	}
	return int64(f), nil
}

// FormatSize writes n bytes as ParseSize reads them, exactly.
func FormatSize(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"PiB", 1 << 50}, {"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.size && n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

var durationUnits = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "min": time.Minute,
	"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
}

// ParseDuration reads a length of time such as "1s", "1h30min", "2d" or "1w".
// The units are ms, s, min, h, d (24 h) and w. A bare "m" is refused: retention
// policies elsewhere use it for months. Zero needs no unit.
func ParseDuration(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	if s == "" {
		return 0, errors.New("want a time such as 1s, got nothing")
	}
	var sum float64
	for rest := s; rest != ""; {
		num, tail := splitUnit(rest)
		n := 0
		for n < len(tail) && !isNumber(tail[n]) {
			n++
		}
		unit := tail[:n]
		rest = tail[n:]
		f, err := strconv.ParseFloat(num, 64)
		if err != nil {
			return 0, fmt.Errorf("want a time such as 1s or 1h30min, got %q", s)
		}
		d, ok := durationUnits[unit]
		switch {
		case ok:
			sum += f * float64(d)
		case unit == "":
			return 0, fmt.Errorf("%q has no unit: write %ss for seconds", s, num)
		case unit == "m":
			return 0, fmt.Errorf("%q is ambiguous: write %smin for minutes (m means months elsewhere)", s, num)
		default:
			return 0, fmt.Errorf("unknown unit %q in %q: use ms, s, min, h, d or w", unit, s)
		}
	}
	if sum >= math.MaxInt64 {
		return 0, fmt.Errorf("time %q is out of range", s)
	}
	return time.Duration(sum), nil
}

// FormatDuration writes d as ParseDuration reads it.
func FormatDuration(d time.Duration) string {
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}} {
		if d >= u.unit && d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.name
		}
	}
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', -1, 64) + "ms"
}

// Amount is a number of bytes or inodes, or a share of what a disk has. The zero
// value is nothing.
type Amount struct {
	Count   int64   // used when Percent is 0
	Percent float64 // of the whole, 0 to 100
}

// Of returns the amount on a disk that has total.
func (a Amount) Of(total int64) int64 {
	if a.Percent > 0 {
		return int64(float64(total) * a.Percent / 100)
	}
	return a.Count
}

// String writes a as it stands in the file.
func (a Amount) String() string {
	if a.Percent > 0 {
		return strconv.FormatFloat(a.Percent, 'f', -1, 64) + "%"
	}
	return FormatSize(a.Count)
}

// ParseAmount reads "5%" or what ParseSize reads.
func ParseAmount(s string) (Amount, error) {
	if num, ok := strings.CutSuffix(s, "%"); ok {
		f, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
		if err != nil || f < 0 || f > 100 || math.IsNaN(f) {
			return Amount{}, fmt.Errorf("want a percentage from 0%% to 100%%, got %q", s)
		}
		return Amount{Percent: f}, nil
	}
	n, err := ParseSize(s)
	return Amount{Count: n}, err
}

// splitUnit cuts the leading number off s, and the spaces around it.
func splitUnit(s string) (num, rest string) {
	s = strings.TrimSpace(s)
	i := 0
	for i < len(s) && isNumber(s[i]) {
		i++
	}
	return s[:i], strings.TrimSpace(s[i:])
}

func isNumber(c byte) bool { return c >= '0' && c <= '9' || c == '.' }
