package schema

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// dimension counts the powers of the base units: metre, kilogram, second, ampere,
// kelvin, mole, candela; and of what is only counted, which keeps "5 cells/mL" apart
// from "5 U/mL" and "5 /mL".
type dimension [13]int8

// unit converts a number to base units: (number + offset) * factor.
type unit struct {
	dim    dimension
	factor *big.Rat
	offset *big.Rat // of degC and degF, which stand alone; nil: none
}

// basic is a unit with a name of its own.
type basic struct {
	names  string // separated by spaces; the first is for people
	factor string // in base units: a decimal number or a fraction
	dim    dimension
	prefix bool // takes SI prefixes
}

var (
	none     = dimension{}
	length   = dimension{0: 1}
	mass     = dimension{1: 1}
	second   = dimension{2: 1}
	current  = dimension{3: 1}
	kelvin   = dimension{4: 1}
	amount   = dimension{5: 1}
	light    = dimension{6: 1}
	cells    = dimension{7: 1}
	enzyme   = dimension{8: 1}
	counts   = dimension{9: 1}
	copies   = dimension{10: 1}
	bases    = dimension{11: 1}
	bytes    = dimension{12: 1}
	volume   = dimension{0: 3}
	molar    = dimension{0: -3, 5: 1}
	rate     = dimension{2: -1}
	force    = dimension{0: 1, 1: 1, 2: -2}
	pressure = dimension{0: -1, 1: 1, 2: -2}
	energy   = dimension{0: 2, 1: 1, 2: -2}
	power    = dimension{0: 2, 1: 1, 2: -3}
	charge   = dimension{2: 1, 3: 1}
	voltage  = dimension{0: 2, 1: 1, 2: -3, 3: -1}
	farad    = dimension{0: -2, 1: -1, 2: 4, 3: 2}
	ohm      = dimension{0: 2, 1: 1, 2: -3, 3: -2}
	siemens  = dimension{0: -2, 1: -1, 2: 3, 3: 2}
	weber    = dimension{0: 2, 1: 1, 2: -2, 3: -1}
	tesla    = dimension{1: 1, 2: -2, 3: -1}
	henry    = dimension{0: 2, 1: 1, 2: -2, 3: -2}
	lux      = dimension{0: -2, 6: 1}
	dose     = dimension{0: 2, 2: -2}
	kat      = dimension{2: -1, 5: 1}
	// degree is pi/180 to 30 digits: angles in degrees and radians compare as far as these go.
	degree = "0.0174532925199432957692369076849"
)

// basics are the units of the SI (BIPM, SI brochure, 9th edition), those it accepts
// beside them, and those of laboratories.
var basics = []basic{
	{"m", "1", length, true}, {"g", "0.001", mass, true}, {"s sec", "1", second, true}, {"A", "1", current, true},
	{"K", "1", kelvin, true}, {"mol", "1", amount, true}, {"cd", "1", light, true},
	{"Hz", "1", rate, true}, {"N", "1", force, true}, {"Pa", "1", pressure, true}, {"J", "1", energy, true},
	{"W", "1", power, true}, {"C", "1", charge, true}, {"V", "1", voltage, true}, {"F", "1", farad, true},
	{"ohm Ω Ω Ohm", "1", ohm, true}, {"S", "1", siemens, true}, {"Wb", "1", weber, true}, {"T", "1", tesla, true},
	{"H", "1", henry, true}, {"lm", "1", light, true}, {"lx", "1", lux, true}, {"Bq", "1", rate, true},
	{"Gy", "1", dose, true}, {"Sv", "1", dose, true}, {"kat", "1", kat, true},
	{"rad", "1", none, true}, {"sr", "1", none, false}, {"deg °", degree, none, false},
	{"min", "60", second, false}, {"h hr", "3600", second, false}, {"d day", "86400", second, false}, {"wk week", "604800", second, false},
	{"yr year a", "31557600", second, false}, // the Julian year of 365.25 days
	{"L l", "0.001", volume, true}, {"t", "1000", mass, false}, {"ha", "10000", dimension{0: 2}, false},
	{"Da u", "1.66053906892e-27", mass, true}, {"eV", "1.602176634e-19", energy, true},
	{"Å Å angstrom", "1e-10", length, false}, {"in inch", "0.0254", length, false},
	{"bar", "100000", pressure, true}, {"atm", "101325", pressure, false},
	{"mmHg", "133.322387415", pressure, false}, {"Torr torr", "101325/760", pressure, true}, {"psi", "6894.757293168", pressure, false},
	{"cal", "4.184", energy, true}, {"G gauss", "0.0001", tesla, true}, {"Ci", "37000000000", rate, true},
	{"P", "0.1", dimension{0: -1, 1: 1, 2: -1}, true}, {"St", "0.0001", dimension{0: 2, 2: -1}, true},
	{"M", "1000", molar, true}, {"rpm", "1/60", rate, false}, {"xg", "9.80665", dimension{0: 1, 2: -2}, false},
	{"% percent", "0.01", none, false}, {"‰", "0.001", none, false}, {"ppm", "1e-6", none, false}, {"ppb", "1e-9", none, false},
	{"cell cells", "1", cells, false}, {"U IU", "1", enzyme, true}, {"count counts", "1", counts, false},
	{"cps", "1", dimension{2: -1, 9: 1}, true}, {"copy copies", "1", copies, false}, {"bp", "1", bases, true},
	{"B byte bytes", "1", bytes, true}, {"bit bits", "0.125", bytes, true}, {"1", "1", none, false},
}

// prefixes of the SI. u stands for micro, as does µ in both of its code points.
var prefixes = []struct {
	name string
	exp  int
}{
	{"da", 1}, {"Q", 30}, {"R", 27}, {"Y", 24}, {"Z", 21}, {"E", 18}, {"P", 15}, {"T", 12}, {"G", 9}, {"M", 6}, {"k", 3}, {"h", 2},
	{"d", -1}, {"c", -2}, {"m", -3}, {"u", -6}, {"µ", -6}, {"μ", -6}, {"n", -9}, {"p", -12}, {"f", -15}, {"a", -18}, {"z", -21},
	{"y", -24}, {"r", -27}, {"q", -30},
}

// units by name, without prefixes.
var units = func() map[string]basic {
	m := make(map[string]basic)
	for _, b := range basics {
		for name := range strings.FieldsSeq(b.names) {
			m[name] = b
		}
	}
	return m
}()

// celsius and fahrenheit are the units whose zero is not the base unit's.
var (
	celsius    = unit{kelvin, big.NewRat(1, 1), big.NewRat(27315, 100)}
	fahrenheit = unit{kelvin, big.NewRat(5, 9), big.NewRat(45967, 100)}
)

var degrees = map[string]*unit{
	"degC": &celsius, "°C": &celsius, "℃": &celsius, "celsius": &celsius, "Celsius": &celsius,
	"degF": &fahrenheit, "°F": &fahrenheit, "℉": &fahrenheit,
}

// lookup finds a unit by its name, with a prefix or without. A name of its own wins:
// "min" are minutes, "cd" is candela, "Pa" is pascal.
func lookup(name string) (unit, bool) {
	if b, ok := units[name]; ok {
		return b.unit(0), true
	}
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(name, p.name); ok {
			if b, ok := units[rest]; ok && b.prefix {
				return b.unit(p.exp), true
			}
		}
	}
	return unit{}, false
}

func (b basic) unit(exp int) unit {
	f, ok := new(big.Rat).SetString(b.factor)
	if !ok {
		panic("schema: factor of " + b.names)
	}
	return unit{dim: b.dim, factor: f.Mul(f, pow10(exp))}
}

func pow10(e int) *big.Rat {
	n := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(e, -e))), nil)
	if e < 0 {
		return new(big.Rat).SetFrac(big.NewInt(1), n)
	}
	return new(big.Rat).SetInt(n)
}

// base converts a number of u to base units. n is changed.
func (u *unit) base(n *big.Rat) *big.Rat {
	if u.offset != nil {
		n.Add(n, u.offset)
	}
	return n.Mul(n, u.factor)
}

// of converts base units to a number of u.
func (u *unit) of(base *big.Rat) *big.Rat {
	n := new(big.Rat).Quo(base, u.factor)
	if u.offset != nil {
		n.Sub(n, u.offset)
	}
	return n
}

// maxUnit bounds the letters of a unit, maxPower its exponents.
const (
	maxUnit  = 64
	maxPower = 9
)

// parseUnit reads a product of units: "mg/mL", "umol L^-1", "m/s^2", "W·m⁻²", "1/s".
// After a slash everything up to the next slash is divided by: m/s/s is m/s^2. An
// empty string is the unit of a plain number.
func parseUnit(s string) (unit, error) {
	if u, ok := degrees[strings.TrimSpace(s)]; ok {
		return *u, nil
	}
	if len(s) > maxUnit {
		return unit{}, fmt.Errorf("unit of %d bytes, at most %d are allowed", len(s), maxUnit)
	}
	out := unit{factor: big.NewRat(1, 1)}
	for i, part := range strings.Split(s, "/") {
		terms := strings.FieldsFunc(part, func(r rune) bool { return r == ' ' || r == '*' || r == '·' || r == '⋅' || r == '.' })
		if len(terms) == 0 && (i > 0 || strings.Contains(s, "/")) && !(i == 0 && part == "") {
			return unit{}, fmt.Errorf("unit %q: nothing stands beside the slash", s)
		}
		for _, term := range terms {
			if err := out.times(term, i > 0); err != nil {
				return unit{}, err
			}
		}
	}
	return out, nil
}

// times multiplies u by a unit with an exponent, or divides by it.
func (u *unit) times(term string, divide bool) error {
	name, power := cutPower(term)
	f, ok := lookup(name)
	if d := degrees[name]; d != nil && !ok { // within a product it is a difference of temperatures
		f, ok = unit{dim: d.dim, factor: d.factor}, true
	}
	if !ok {
		if near := nearestUnit(name); near != "" {
			return fmt.Errorf("unknown unit %q; did you mean %q?", name, near)
		}
		return fmt.Errorf("unknown unit %q", name)
	}
	if power < -maxPower || power > maxPower {
		return fmt.Errorf("unit %q: exponent %d is out of range", name, power)
	}
	if divide {
		power = -power
	}
	for i := range u.dim {
		d := int(u.dim[i]) + int(f.dim[i])*power
		if d < -100 || d > 100 {
			return fmt.Errorf("unit %q: exponent out of range", name)
		}
		u.dim[i] = int8(d)
	}
	for range max(power, -power) {
		if power > 0 {
			u.factor = new(big.Rat).Mul(u.factor, f.factor)
		} else {
			u.factor = new(big.Rat).Quo(u.factor, f.factor)
		}
	}
	return nil
}

var superscripts = strings.NewReplacer("⁻", "-", "⁰", "0", "¹", "1", "²", "2", "³", "3", "⁴", "4", "⁵", "5", "⁶", "6", "⁷", "7", "⁸", "8", "⁹", "9")

// cutPower splits "s^-1", "s⁻¹", "s-1" and "m2" into the name and the exponent.
func cutPower(term string) (name string, power int) {
	if _, ok := units[term]; ok {
		return term, 1
	}
	plain := superscripts.Replace(term)
	name, exp, found := strings.Cut(plain, "^")
	if !found {
		i := len(plain)
		for i > 0 && '0' <= plain[i-1] && plain[i-1] <= '9' {
			i--
		}
		if i > 0 && i < len(plain) && plain[i-1] == '-' {
			i--
		}
		name, exp = plain[:i], plain[i:]
	}
	exp = strings.Trim(exp, "()")
	if exp == "" {
		return name, 1
	}
	sign := 1
	if exp[0] == '-' || exp[0] == '+' {
		if exp[0] == '-' {
			sign = -1
		}
		exp = exp[1:]
	}
	if len(exp) != 1 || exp[0] < '0' || exp[0] > '9' {
		return term, 1 // no exponent: the name will not be found
	}
	return name, sign * int(exp[0]-'0')
}

// nearestUnit finds what differs from name in case only.
func nearestUnit(name string) string {
	var near []string
	for n := range units {
		if strings.EqualFold(n, name) {
			near = append(near, n)
		}
		for _, p := range prefixes {
			if units[n].prefix && strings.EqualFold(p.name+n, name) {
				near = append(near, p.name+n)
			}
		}
	}
	for n := range degrees {
		if strings.EqualFold(n, name) || strings.EqualFold(n, "deg"+name) {
			near = append(near, n)
		}
	}
	if len(near) == 0 {
		return ""
	}
	return slices.Min(near)
}
