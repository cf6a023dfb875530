package naming

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is how the text of a field is judged.
type value struct {
	field    string // "" : anonymous
	expr     string // RE2 without groups; never matches the empty text of a named field
	whole    *regexp.Regexp
	check    func(string) bool // what an expression cannot say; nil: nothing
	words    string            // what is expected, for people
	enum     []string          // all values, if they are few
	example  string
	registry string
	listed   map[string]bool // values in the registry
}

// ok reports whether text is a value, all things considered.
func (v *value) ok(text string) bool { return v.whole.MatchString(text) && v.allows(text) }

// allows reports what remains to be checked when the expression matched.
func (v *value) allows(text string) bool {
	return (v.check == nil || v.check(text)) && (v.listed == nil || v.listed[text])
}

// defaultPattern is that of a field which nothing is said about. It has no
// separators, so that names can be read again.
const defaultPattern = `[\p{L}\p{M}\p{N}+-]+`

// maxInsts bounds the size of one expression.
const maxInsts = 10_000

// newValue makes the value of a field from its spec in a template, or from the scheme's fields.
func newValue(name, spec string, f Field) (*value, error) {
	v := &value{field: name, example: f.Example, registry: f.Registry}
	if spec == "" {
		spec = f.Type
	} else {
		f.Pattern, f.Enum = "", nil
	}
	if spec == "" && name == "hash" && f.Pattern == "" && len(f.Enum) == 0 {
		spec = "hash"
	}
	if f.Pattern != "" && len(f.Enum) > 0 || spec != "" && (f.Pattern != "" || len(f.Enum) > 0) {
		return nil, fmt.Errorf("want one of pattern, enum and type")
	}
	kind, arg, _ := strings.Cut(spec, "(")
	arg, closed := strings.CutSuffix(arg, ")")
	hasArg := strings.Contains(spec, "(")
	if strings.HasPrefix(spec, "%") { // {when:%Y%m%d}
		kind, arg, hasArg, closed = "time", spec, true, true
	} else if strings.HasPrefix(spec, "/") {
		kind = "/"
	} else if hasArg && !closed {
		return nil, fmt.Errorf("%q: the ( is not closed", spec)
	}
	var err error
	switch kind {
	case "":
		switch {
		case f.Pattern != "":
			err = v.pattern(f.Pattern)
		case len(f.Enum) > 0:
			err = v.oneOf(f.Enum)
		default:
			err = v.pattern(defaultPattern)
			v.words = "letters, digits, + and -"
		}
	case "/":
		inner, ok := strings.CutSuffix(spec[1:], "/")
		if !ok {
			return nil, fmt.Errorf("%q: the / is not closed", spec)
		}
		err = v.pattern(inner)
	case "enum":
		err = v.oneOf(strings.Split(arg, "|"))
	case "int":
		err = v.integer(arg)
	case "hash":
		v.expr, v.words = "[0-9a-f]{8,64}", "8 to 64 hexadecimal digits (b3sum prints 64)"
	case "date", "time":
		err = v.moment(arg)
	default:
		if allDigits(spec) {
			err = v.moment(spec) // {date:20060102}
		} else {
			err = fmt.Errorf("%q: want int(2), date(20060102), %%Y%%m%%d, enum(a|b), hash or /pattern/", spec)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := v.compile(); err != nil {
		return nil, err
	}
	if f.Registry != "" {
		v.listed = make(map[string]bool, len(f.Values))
		for _, x := range f.Values {
			v.listed[x] = true
		}
		v.words += ", and listed in " + f.Registry
		if len(f.Values) <= maxListed && v.enum == nil {
			v.enum = slices.Clone(f.Values)
		}
	}
	if v.example == "" || spec != f.Type && !v.ok(v.example) { // the field's example is not for a spec of the template
		v.example = v.anyExample()
	}
	return v, nil
}

// maxListed is how many values of a registry are worth comparing with a wrong one at once.
const maxListed = 5000

func allDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789_-") == "" }

func (v *value) pattern(p string) error {
	v.expr = strings.TrimSuffix(strings.TrimPrefix(p, "^"), "$")
	v.words = "a text that matches " + v.expr
	return nil
}

func (v *value) oneOf(list []string) error {
	v.enum = slices.Clone(list)
	var parts []string
	for _, s := range list {
		if s == "" || strings.Contains(s, "/") {
			return fmt.Errorf("enum: %q cannot be a value", s)
		}
		parts = append(parts, regexp.QuoteMeta(s))
	}
	// Longest first: of nii.gz and gz the first is tried first.
	slices.SortStableFunc(parts, func(a, b string) int { return len(b) - len(a) })
	v.expr = strings.Join(parts, "|")
	v.words = orList(list)
	return nil
}

// orList writes a list for people, shortened when it is long.
func orList(list []string) string {
	const most = 14
	if len(list) == 1 {
		return list[0]
	}
	if len(list) > most {
		return "one of " + strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
	}
	return "one of " + strings.Join(list, ", ")
}

func (v *value) integer(width string) error {
	if width == "" {
		v.expr, v.words, v.example = "0|[1-9][0-9]*", "a number", or(v.example, "1")
		return nil
	}
	w, err := strconv.Atoi(width)
	if err != nil || w < 1 || w > 18 {
		return fmt.Errorf("int(%s): want a number of digits from 1 to 18", width)
	}
	v.expr = fmt.Sprintf("[0-9]{%d}|[1-9][0-9]{%d,}", w, w)
	v.words = fmt.Sprintf("a number of at least %d digits", w)
	v.example = or(v.example, fmt.Sprintf("%0*d", w, 1))
	return nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// directives are what a moment can be made of: strftime's letters, as Go's layout,
// as an expression, and for people.
var directives = []struct{ strf, layout, expr, words string }{
	{"%Y", "2006", "[0-9]{4}", "YYYY"},
	{"%m", "01", "[0-9]{2}", "MM"},
	{"%d", "02", "[0-9]{2}", "DD"},
	{"%H", "15", "[0-9]{2}", "hh"},
	{"%M", "04", "[0-9]{2}", "mm"},
	{"%S", "05", "[0-9]{2}", "ss"},
	{"%y", "06", "[0-9]{2}", "YY"},
	{"%j", "002", "[0-9]{3}", "day of the year"},
}

// moment takes a layout of Go (20060102) or of strftime (%Y%m%d).
func (v *value) moment(layout string) error {
	if layout == "" {
		return fmt.Errorf("want a layout, as in date(20060102) or %%Y%%m%%d")
	}
	var expr, words, goLayout strings.Builder
	strf := strings.Contains(layout, "%")
next:
	for rest := layout; rest != ""; {
		for _, d := range directives {
			from := d.layout
			if strf {
				from = d.strf
			}
			if after, ok := strings.CutPrefix(rest, from); ok {
				expr.WriteString(d.expr)
				words.WriteString(d.words)
				goLayout.WriteString(d.layout)
				rest = after
				continue next
			}
		}
		c := rest[:1]
		if !strings.Contains("_-. T", c) {
			return fmt.Errorf("%q: want 2006 01 02 15 04 05, or %%Y %%m %%d %%H %%M %%S, with - _ . or T between", layout)
		}
		expr.WriteString(regexp.QuoteMeta(c))
		words.WriteString(c)
		goLayout.WriteString(c)
		rest = rest[1:]
	}
	l := goLayout.String()
	v.expr, v.words = expr.String(), "a date as "+words.String()
	v.check = func(s string) bool {
		t, err := time.Parse(l, s)
		return err == nil && t.Format(l) == s
	}
	v.example = or(v.example, time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC).Format(l))
	return nil
}

// compile checks the expression and compiles it.
func (v *value) compile() error {
	tree, err := syntax.Parse(v.expr, syntax.Perl)
	if err != nil {
		return fmt.Errorf("pattern %q: %w", v.expr, err)
	}
	if bad := unsupported(tree); bad != "" {
		return fmt.Errorf("pattern %q: %s", v.expr, bad)
	}
	if prog, err := syntax.Compile(tree.Simplify()); err != nil || len(prog.Inst) > maxInsts {
		return fmt.Errorf("pattern %q: too large", v.expr)
	}
	v.expr = tree.String()
	if v.whole, err = regexp.Compile("^(?:" + v.expr + ")$"); err != nil {
		return fmt.Errorf("pattern %q: %w", v.expr, err)
	}
	if v.whole.MatchString("") {
		return fmt.Errorf("pattern %q: matches nothing at all as well; put the field in [ ] if it may be missing", v.expr)
	}
	return nil
}

// unsupported says what an expression has that templates cannot use, and turns its
// groups into plain parentheses.
func unsupported(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText:
		return "^ and $ are not needed: a pattern is for the whole value"
	case syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return `\b and \B are not supported`
	case syntax.OpCapture:
		re.Op, re.Cap, re.Name = syntax.OpConcat, 0, ""
	}
	for _, sub := range re.Sub {
		if bad := unsupported(sub); bad != "" {
			return bad
		}
	}
	return ""
}

// anyExample makes up a value: the nearest one to a few plain ones.
func (v *value) anyExample() string {
	if len(v.enum) > 0 {
		return v.enum[0]
	}
	a, _ := alignTo(v.expr, "a1")
	return a.text
}
