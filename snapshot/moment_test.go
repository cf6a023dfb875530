package snapshot

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// zone is two hours east of Greenwich, so that local days differ from those of UTC.
var zone = time.FixedZone("east", 2*3600)

// monday is the moment the tests are made at.
var monday = time.Date(2026, 11, 23, 12, 30, 15, 500, zone)

func TestMoments(t *testing.T) {
	utc := func(y int, m time.Month, d, h, min, s, ns int) time.Time {
		return time.Date(y, m, d, h, min, s, ns, time.UTC)
	}
	for in, want := range map[string]time.Time{
		"2026-11-22T10:00:00Z":        utc(2026, 11, 22, 10, 0, 0, 0),
		"2026-11-22T10:00:00.25Z":     utc(2026, 11, 22, 10, 0, 0, 250_000_000),
		"2026-11-22T12:00:00+02:00":   utc(2026, 11, 22, 10, 0, 0, 0),
		"2026-11-22T10-00-00Z":        utc(2026, 11, 22, 10, 0, 0, 999_999_999),
		"GMT-2026.11.22-10.00.00":     utc(2026, 11, 22, 10, 0, 0, 999_999_999),
		"2026-11-22":                  utc(2026, 11, 22, 21, 59, 59, 999_999_999),
		" 2026-11-22 10:00 ":          utc(2026, 11, 22, 8, 0, 0, 0),
		"2026-11-22T10:00:05":         utc(2026, 11, 22, 8, 0, 5, 0),
		"2026-11-23":                  monday,
		"today":                       monday,
		"now":                         monday,
		"Yesterday":                   utc(2026, 11, 22, 21, 59, 59, 999_999_999),
		"-2h":                         monday.Add(-2 * time.Hour),
		"-30min":                      monday.Add(-30 * time.Minute),
		"-1d12h":                      monday.Add(-36 * time.Hour),
		"-1mo":                        time.Date(2026, 10, 23, 12, 30, 15, 500, zone),
		"-1y":                         time.Date(2025, 11, 23, 12, 30, 15, 500, zone),
		"GMT-2026.11.23-10.30.15":     monday, // this second
		"1970-01-01T00:00:00Z":        utc(1970, 1, 1, 0, 0, 0, 0),
		"2024-02-29":                  utc(2024, 2, 29, 21, 59, 59, 999_999_999),
		"2026-11-22 10:00:00":         utc(2026, 11, 22, 8, 0, 0, 0),
		"2026-11-22T09:00:00.5-01:00": utc(2026, 11, 22, 10, 0, 0, 500_000_000),
	} {
		if got, err := ParseMoment(in, monday); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v; want %v", in, got, err, want)
		}
		name := "@" + strings.TrimSpace(in)
		if got, err := ParseName(name, monday); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v; want %v", name, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"":                        "want 2026",
		"soon":                    "want 2026",
		"-5m":                     "ambiguous",
		"-5":                      "no unit",
		"-":                       "got nothing",
		"-2h3":                    "no unit",
		"-1.5mo":                  "whole number",
		"-2 fortnights":           "unknown unit",
		"2026-11-24":              "in the future",
		"2026-11-23T10:30:17Z":    "in the future",
		"2026-13-01":              "want 2026",
		"2026-02-29":              "want 2026",
		"0001-01-01T00:00:00Z":    "before 1970",
		"-100y":                   "before 1970",
		"22.11.2026":              "want 2026",
		"11/22/2026":              "want 2026",
		"2026-11":                 "want 2026",
		"GMT-2026.11.22":          "want 2026",
		"GMT-2026.11.22-25.00.00": "want 2026",
		"-99999999999999999999d":  "too long",
	} {
		if got, err := ParseMoment(in, monday); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, %v; want an error with %q", in, got, err, want)
		}
	}
	if _, err := ParseName("2026-11-22", monday); err == nil || IsMoment("2026-11-22") || !IsMoment("@now") {
		t.Error("a name without @ was taken for a moment")
	}
}

func TestNamesOfSnapshots(t *testing.T) {
	for _, name := range []string{"a", "before the upgrade", "Müller 2", "v1.0", "hourly-2026-11-22T10-00-00Z", strings.Repeat("x", MaxName), "a@b", "ä.b"} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"": "empty", "a/b": "slash", "@now": "moments", "..": "dot", ".": "dot", ".hidden": "dot", "-x": "dash", "a\x00b": "control",
		"a\nb": "control", "a\u0085b": "control", "\xff": "UTF-8", strings.Repeat("x", MaxName+1): "256 bytes", " a": "space", "a ": "space", "live": "something else",
	} {
		if err := CheckName(name); !errors.Is(err, ErrName) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", name, err, want)
		}
	}
}

func TestAutomaticNamesAreNamesAndMoments(t *testing.T) {
	for want, got := range map[string]string{
		"2026-11-23T10-30-15Z":        AutoName("", monday, 1),
		"2026-11-23T10-30-15Z-2":      AutoName("", monday, 2),
		"hourly-2026-11-23T10-30-15Z": AutoName("hourly", monday, 1),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := CheckName(got); err != nil {
			t.Error(err)
		}
	}
	at, err := ParseMoment(AutoName("", monday, 1), monday.Add(time.Hour))
	if err != nil || at.Before(monday) || at.Sub(monday) > time.Second {
		t.Errorf("got %v, %v; want the end of the second of %v", at, err, monday)
	}
}

func TestSpans(t *testing.T) {
	for in, want := range map[string]struct {
		span Span
		out  string
	}{
		"0":         {Span{}, "0"},
		"7d":        {Span{Days: 7}, "7d"},
		"2w":        {Span{Days: 14}, "2w"},
		"1y5mo7d2h": {Span{Years: 1, Months: 5, Days: 7, Time: 2 * time.Hour}, "1y5mo7d2h"},
		"90min":     {Span{Time: 90 * time.Minute}, "1h30min"},
		"1h 30min":  {Span{Time: 90 * time.Minute}, "1h30min"},
		"1.5h":      {Span{Time: 90 * time.Minute}, "1h30min"},
		"0.5d":      {Span{Time: 12 * time.Hour}, "12h"},
		"250ms":     {Span{Time: 250 * time.Millisecond}, "250ms"},
		"1y1y":      {Span{Years: 2}, "2y"},
		"1mo1w":     {Span{Months: 1, Days: 7}, "1mo7d"},
	} {
		got, err := ParseSpan(in)
		if err != nil || got != want.span || got.String() != want.out {
			t.Errorf("%q: got %+v (%s), %v; want %+v (%s)", in, got, got, err, want.span, want.out)
		}
		if again, err := ParseSpan(got.String()); err != nil || again != got {
			t.Errorf("%q: %s reads as %+v, %v", in, got, again, err)
		}
	}
	day := Span{Days: 1}
	if at := day.Before(monday); !day.After(at).Equal(monday) {
		t.Errorf("a day before %v and a day after is %v", monday, day.After(at))
	}
}
