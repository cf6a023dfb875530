package schema

import "testing"

func TestNumbersOrderAsValuesDo(t *testing.T) {
	s, err := Compile([]Field{{Name: "t", Type: Quantity, Unit: "degC", Max: "50 degC"}, {Name: "n", Type: Int, Max: "3"}, {Name: "d", Type: Date},
		{Name: "e", Type: Enum, Values: []string{"low", "high"}}, {Name: "s"}, {Name: "l", Type: List, Of: Float}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ field, less, more string }{
		{"t", "4 degC", "300 K"}, {"t", "4degC", "60 degC"}, {"n", "2", "2.5"}, {"n", "2.5", "4"}, {"d", "2025-01-31", "20250201"},
		{"e", "low", "high"}, {"l", "-1e3", "0.5"},
	} {
		a, errA := s.Number(tc.field, tc.less)
		b, errB := s.Number(tc.field, tc.more)
		if errA != nil || errB != nil || !(a < b) {
			t.Errorf("%s: %q is %v (%v), %q is %v (%v), want the first to be less", tc.field, tc.less, a, errA, tc.more, b, errB)
		}
	}
	if a, _ := s.Number("t", "4 degC"); a != 277.15 {
		t.Errorf("4 degC: got %v, want 277.15 (K)", a)
	}
	for field, text := range map[string]string{"t": "4", "n": "x", "d": "soon", "e": "middle", "s": "1", "other": "1"} {
		if n, err := s.Number(field, text); err == nil {
			t.Errorf("%s = %q: got %v, want an error", field, text, n)
		}
	}
}

func TestMeasuresOfOneDimensionCompare(t *testing.T) {
	a, da, ok := Measure("5 mL")
	b, db, ok2 := Measure("0.004L")
	if !ok || !ok2 || da != db || !(b < a) {
		t.Errorf("5 mL is %v %v, 0.004 L is %v %v", a, da, b, db)
	}
	if _, d, _ := Measure("5 g"); d == da {
		t.Error("grams and litres have one dimension")
	}
	if n, d, ok := Measure("-1.5e3"); !ok || n != -1500 || d != (Dimension{}) {
		t.Errorf("-1.5e3: got %v %v %v", n, d, ok)
	}
	for _, s := range []string{"", "x", "5 parsecs", "sub-01", "2025-01-01"} {
		if n, _, ok := Measure(s); ok {
			t.Errorf("%q: got %v, want no measure", s, n)
		}
	}
}
