package schema

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func mustCompile(t testing.TB, fields ...Field) *Schema {
	t.Helper()
	s, err := Compile(fields)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var lab = []Field{
	{Name: "title"},
	{Name: "subject", Pattern: "sub-[0-9]{2}"},
	{Name: "run", Type: Int, Min: "1", Max: "99"},
	{Name: "ratio", Type: Float, Min: "0"},
	{Name: "good", Type: Bool},
	{Name: "born", Type: Date, Min: "1900-01-01"},
	{Name: "started", Type: Time},
	{Name: "side", Type: Enum, Values: []string{"left", "right"}},
	{Name: "channels", Type: List, Of: Enum, Values: []string{"Fp1", "Fp2", "Cz"}},
	{Name: "weights", Type: List, Of: Quantity, Unit: "g", Max: "1 kg"},
	{Name: "temperature", Type: Quantity, Unit: "degC", Min: "-80 degC", Max: "60 degC"},
	{Name: "dose", Type: Quantity, Unit: "mg/mL"},
	{Name: "share", Type: Quantity, Unit: "%"},
}

func TestValuesHaveOneCanonicalForm(t *testing.T) {
	s := mustCompile(t, lab...)
	tests := []struct{ field, text, want string }{
		{"title", "  a b \n", "a b"},
		{"title", "", ""},
		{"undeclared", " any\x01 ", " any\x01 "},
		{"subject", "sub-01\x00", "sub-01"},
		{"run", "+07", "7"},
		{"ratio", "1.50e2", "150"},
		{"ratio", "0.000000123", "1.23e-7"},
		{"ratio", ".5", "0.5"},
		{"ratio", "1e20", "1e20"},
		{"ratio", "123456789012345", "123456789012345"},
		{"ratio", "-0", "0"},
		{"good", "Yes", "true"},
		{"good", "0", "false"},
		{"born", "19991231", "1999-12-31"},
		{"started", "2026-11-22T11:00:00+01:00", "2026-11-22T10:00:00Z"},
		{"started", "2026-11-22 10:00Z", "2026-11-22T10:00:00Z"},
		{"side", "left", "left"},
		{"channels", "Fp1, Cz", "Fp1,Cz"},
		{"channels", "", ""},
		{"weights", "20 g,0.5kg", "20 g,500 g"},
		{"temperature", "277.15 K", "4 degC"},
		{"temperature", "39.2 °F", "4 degC"},
		{"temperature", "4degC", "4 degC"},
		{"dose", "2 g/L", "2 mg/mL"},
		{"dose", "2500 ug mL^-1", "2.5 mg/mL"},
		{"dose", "2 kg·m⁻³", "2 mg/mL"},
		{"share", "0.5", "50 %"},
		{"share", "12 %", "12 %"},
	}
	for _, tt := range tests {
		v, err := s.Parse(tt.field, tt.text)
		if err != nil || v.String() != tt.want {
			t.Errorf("%s %q: got %q, %v; want %q", tt.field, tt.text, v.String(), err, tt.want)
		}
	}
}

func TestWrongValuesAreToldWithWhatWouldBeRight(t *testing.T) {
	s := mustCompile(t, lab...)
	tests := []struct{ field, text, want string }{
		{"title", "a\x01b", `title = "a\x01b": want text without control characters`},
		{"title", "\xff", `title = "` + "�" + `": want text in UTF-8`},
		{"subject", "sub-1", `subject = "sub-1": want text that matches sub-[0-9]{2}`},
		{"subject", "xsub-01y", `subject = "xsub-01y": want text that matches sub-[0-9]{2}`},
		{"run", "1.5", `run = "1.5": want a whole number, from 1 to 99`},
		{"run", "100", `run = "100": want a whole number, from 1 to 99`},
		{"run", "", `run = "": want a whole number, from 1 to 99`},
		{"ratio", "NaN", `ratio = "NaN": want a number, at least 0`},
		{"ratio", "Inf", `ratio = "Inf": want a number, at least 0`},
		{"ratio", "1e999999999", `ratio = "1e999999999": want a number, at least 0`},
		{"ratio", "1/2", `ratio = "1/2": want a number, at least 0`},
		{"ratio", "0x10", `ratio = "0x10": want a number, at least 0`},
		{"good", "perhaps", `good = "perhaps": want true or false`},
		{"born", "2026-02-30", `born = "2026-02-30": want a date such as 2026-11-22, at least 1900-01-01`},
		{"started", "2026-11-22T10:00:00", `started = "2026-11-22T10:00:00": want a time with a zone such as 2026-11-22T10:00:00Z`},
		{"side", "Left", `side = "Left": want left or right; did you mean "left"?`},
		{"side", "up", `side = "up": want left or right`},
		{"channels", "Fp1,,Cz", `channels = "Fp1,,Cz": want elements separated by single commas`},
		{"channels", "Fp1,Fp9", `channels = "Fp9": want Fp1, Fp2 or Cz; did you mean "Fp1"?`},
		{"weights", "2 kg", `weights = "2 kg": want a number and a unit such as 1 kg, at most 1 kg`},
		{"temperature", "37", `temperature = "37": want a number and a unit such as -80 degC, from -80 degC to 60 degC; did you mean "37 degC"?`},
		{"temperature", "4 mg", `temperature = "4 mg": want a number and a unit such as -80 degC, from -80 degC to 60 degC: mg does not convert to degC`},
		{"temperature", "100 degC", `temperature = "100 degC": want a number and a unit such as -80 degC, from -80 degC to 60 degC`},
		{"dose", "4 MG/mL", `dose = "4 MG/mL": want a number and a unit such as 4 mg/mL: MG/mL does not convert to mg/mL`},
		{"dose", "4 mgg/mL", `dose = "4 mgg/mL": want a number and a unit such as 4 mg/mL: unknown unit "mgg"`},
		{"temperature", "4 degc", `temperature = "4 degc": want a number and a unit such as -80 degC, from -80 degC to 60 degC: unknown unit "degc"; did you mean "degC"?`},
	}
	for _, tt := range tests {
		_, err := s.Parse(tt.field, tt.text)
		var inv *Invalid
		if !errors.As(err, &inv) || inv.Field != tt.field {
			t.Errorf("%s %q: got %v, want *Invalid of the field", tt.field, tt.text, err)
			continue
		}
		if got := strings.ToValidUTF8(err.Error(), "�"); got != tt.want && tt.text != "\xff" {
			t.Errorf("%s %q:\ngot  %s\nwant %s", tt.field, tt.text, got, tt.want)
		}
	}
}

func TestValuesThatMeanTheSameCompareEqual(t *testing.T) {
	unit := func(u string) Field { return Field{Name: "x", Type: Quantity, Unit: u} }
	tests := []struct {
		field Field
		a, b  string
		want  int
	}{
		{unit("degC"), "4 degC", "277.15 K", 0},
		{unit("K"), "4 degC", "277.15 K", 0},
		{unit("K"), "4 degC", "277.16 K", -1},
		{unit("K"), "32 degF", "0 degC", 0},
		{unit("K"), "-40 degF", "-40 degC", 0},
		{unit("mL"), "0.1 mL", "100 uL", 0},
		{unit("mL"), "0.1 mL", "100 µL", 0}, // U+00B5
		{unit("mL"), "0.1 mL", "100 μL", 0}, // U+03BC
		{unit("mL"), "1 cm^3", "1 mL", 0},
		{unit("M"), "1 mmol/L", "1 mM", 0},
		{unit("M"), "1 mol m-3", "1 mM", 0},
		{unit("s"), "1 h", "3600 s", 0},
		{unit("s"), "1 min", "0.001 min", 1},
		{unit("Hz"), "60 rpm", "1 Hz", 0},
		{unit("Hz"), "1 1/s", "1 s^-1", 0},
		{unit("m/s^2"), "9.8 m/s/s", "9.8 m s-2", 0},
		{unit("W/m^2"), "1 W/m²", "1 J s^-1 m^-2", 0},
		{unit("J"), "1 N m", "1 kg m^2/s^2", 0},
		{unit("J"), "1 eV", "1.602176634e-19 J", 0},
		{unit("Pa"), "760 mmHg", "1 atm", 1},
		{unit("Pa"), "760 Torr", "1 atm", 0},
		{unit("T"), "3 T", "30 kG", 0},
		{unit("deg"), "180 deg", "3.14159 rad", 1},
		{unit("degC/min"), "1 degC/min", "1 K/min", 0},
		{unit("cells/mL"), "1e6 cells/mL", "1000000000 cells/L", 0},
		{unit("U/mL"), "5 IU/mL", "5 U/mL", 0},
		{Field{Name: "x", Type: Int}, "10", "9", 1},
		{Field{Name: "x", Type: Float}, "1e1", "10.0", 0},
		{Field{Name: "x", Type: Time}, "2026-11-22T10:00:00Z", "2026-11-22T11:00:00+01:00", 0},
		{Field{Name: "x", Type: Enum, Values: []string{"low", "high"}}, "low", "high", -1},
		{Field{Name: "x", Type: List, Of: Int}, "1,2", "1,10", -1},
		{Field{Name: "x", Type: List, Of: Int}, "1", "1,0", -1},
		{Field{Name: "x"}, "10", "9", -1},
	}
	for _, tt := range tests {
		s, err := Compile([]Field{tt.field})
		if err != nil {
			t.Errorf("%+v: %v", tt.field, err)
			continue
		}
		a, errA := s.Parse("x", tt.a)
		b, errB := s.Parse("x", tt.b)
		if errA != nil || errB != nil {
			t.Errorf("%q %q: %v %v", tt.a, tt.b, errA, errB)
			continue
		}
		if got := Compare(a, b); got != tt.want {
			t.Errorf("%q against %q: got %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := Compare(b, a); got != -tt.want {
			t.Errorf("%q against %q: got %d, want %d", tt.b, tt.a, got, -tt.want)
		}
	}
}

func TestMistakesOfASchemaAreToldAllAtOnce(t *testing.T) {
	tests := []struct {
		name   string
		fields []Field
		want   string
	}{
		{"type", []Field{{Name: "a", Type: "number"}}, `field 1: type: want string, int, float, bool, date, time, enum, list or quantity, got "number"`},
		{"no name", []Field{{}}, `field 1: name: a field needs a name`},
		{"name", []Field{{Name: "a b"}}, `field 1: name: want letters, digits, _, - and ., got "a b"`},
		{"reserved", []Field{{Name: "tags"}}, `field 1: name: "tags" has a meaning of its own; choose another name`},
		{"prefix", []Field{{Name: "user.a"}}, `field 1: name: write it without user.: "a"`},
		{"twice", []Field{{Name: "a"}, {Name: "a"}}, `field 2: name: a second field is called "a"`},
		{"no unit", []Field{{Name: "a", Type: Quantity}}, `field 1: unit: a quantity needs one, such as degC or mg/mL`},
		{"1024", []Field{{Name: "a", Type: Quantity, Unit: "MiB"}}, `field 1: unit: unknown unit "MiB"`},
		{"bad unit", []Field{{Name: "a", Type: Quantity, Unit: "furlong"}}, `field 1: unit: unknown unit "furlong"`},
		{"enum", []Field{{Name: "a", Type: Enum}}, `field 1: values: an enum needs them: [left, right]`},
		{"pattern of int", []Field{{Name: "a", Type: Int, Pattern: "x"}}, `field 1: pattern: only strings have a pattern, not of type int`},
		{"pattern", []Field{{Name: "a", Pattern: "("}}, "field 1: pattern: error parsing regexp: missing closing ): `\\A(?:()\\z`"},
		{"range", []Field{{Name: "a", Type: Int, Min: "2", Max: "1"}}, `field 1: max: 1 is less than min, 2`},
		{"min", []Field{{Name: "a", Type: Int, Min: "x"}}, `field 1: min: a = "x": want a whole number, at least x`},
		{"default", []Field{{Name: "a", Type: Bool, Default: "maybe"}}, `field 1: default: a = "maybe": want true or false`},
		{"of", []Field{{Name: "a", Of: Int}}, `field 1: of: only a list has elements`},
		{"nested", []Field{{Name: "a", Type: List, Of: List}}, `field 1: of: want a type other than list, got "list"`},
		{"glob", []Field{{Name: "a", RequiredFor: []string{"a[/b"}}}, `field 1: required_for: path pattern "a[/b": "a[" is not a name, with * ? or [a-z]`},
		{"two", []Field{{Name: "a b"}, {Name: "c", Type: Enum}}, "field 1: name: want letters, digits, _, - and ., got \"a b\"\nfield 2: values: an enum needs them: [left, right]"},
	}
	for _, tt := range tests {
		_, err := Compile(tt.fields)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s:\ngot  %v\nwant %s", tt.name, err, tt.want)
		}
	}
}

func TestMissingFieldsOfAFile(t *testing.T) {
	s := mustCompile(t,
		Field{Name: "instrument", RequiredFor: []string{"EXP*/**/*.nii.gz", "*.edf"}},
		Field{Name: "operator", RequiredFor: []string{"/*.csv"}},
		Field{Name: "room", Default: "101", RequiredFor: []string{"**"}},
		Field{Name: "free"})
	tests := []struct {
		path string
		also []string
		has  []string
		want []string
	}{
		{"EXP1/a.nii.gz", nil, nil, []string{"instrument"}},
		{"EXP1/a/b/c.nii.gz", nil, nil, []string{"instrument"}},
		{"EXP1/a/b/c.nii.gz", nil, []string{"instrument"}, nil},
		{"other/a.nii.gz", nil, nil, nil},
		{"deep/down/x.edf", nil, nil, []string{"instrument"}},
		{"x.csv", nil, nil, []string{"operator"}},
		{"a/x.csv", nil, nil, nil},
		{"a/x.csv", []string{"free", "free", "unknown"}, nil, []string{"free", "unknown"}},
		{"a/x.csv", []string{"room"}, nil, nil},
	}
	for _, tt := range tests {
		got := s.Missing(tt.path, tt.also, func(f string) bool { return slices.Contains(tt.has, f) })
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.path, got, tt.want)
		}
	}
	var none *Schema
	if got := none.Missing("a", []string{"x"}, func(string) bool { return false }); !slices.Equal(got, []string{"x"}) {
		t.Errorf("no schema: got %q", got)
	}
}

// Comparing is a total order, also of quantities in different units.
func TestCompareIsATotalOrder(t *testing.T) {
	s := mustCompile(t, lab...)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var vs []Value
	for range 120 {
		unit := []string{"degC", "K", "mK", "degF"}[r.IntN(4)]
		base := map[string]string{"degC": "", "K": "27", "mK": "2731", "degF": ""}[unit]
		if v, err := s.Parse("temperature", base+string(rune('0'+r.IntN(10)))+"."+string(rune('0'+r.IntN(10)))+" "+unit); err == nil {
			vs = append(vs, v)
		}
	}
	if len(vs) < 20 {
		t.Fatalf("only %d values", len(vs))
	}
	for _, a := range vs {
		for _, b := range vs {
			if Compare(a, b) != -Compare(b, a) {
				t.Fatalf("%s and %s", a, b)
			}
			for _, c := range vs {
				if Compare(a, b) <= 0 && Compare(b, c) <= 0 && Compare(a, c) > 0 {
					t.Fatalf("%s <= %s <= %s", a, b, c)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range []string{"4 degC", "277.15 K", "1e300 m", "1,2,3", "2026-11-22T10:00:00.123456789+14:00", "00010101", "-9223372036854775808", "1e-300 mg/mL", "µ", "9.99999999999999999e15 g/L"} {
		for i := range lab {
			f.Add(i, v)
		}
	}
	s := mustCompile(f, lab...)
	f.Fuzz(func(t *testing.T, i int, text string) {
		if i < 0 || i >= len(lab) {
			return
		}
		name := lab[i].Name
		v, err := s.Parse(name, text)
		if err != nil {
			_ = err.Error()
			return
		}
		canon := v.String()
		w, err := s.Parse(name, canon)
		if err != nil {
			// Rounding to 15 digits may leave the range at its very end.
			if lab[i].Min == "" && lab[i].Max == "" {
				t.Fatalf("%s: %q is written %q, which does not parse: %v", name, text, canon, err)
			}
			return
		}
		if again := w.String(); again != canon {
			t.Fatalf("%s: %q -> %q -> %q", name, text, canon, again)
		}
		if Compare(v, v) != 0 {
			t.Fatalf("%q is not itself", text)
		}
	})
}

func FuzzUnit(f *testing.F) {
	for _, b := range basics {
		f.Add(strings.Fields(b.names)[0] + "/s^2")
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parseUnit(text)
		if err == nil && u.factor.Sign() <= 0 {
			t.Fatalf("%q: factor %s", text, u.factor)
		}
	})
}

func BenchmarkParseQuantity(b *testing.B) {
	s := mustCompile(b, lab...)
	for b.Loop() {
		if _, err := s.Parse("temperature", "4.25 degC"); err != nil {
			b.Fatal(err)
		}
	}
}
