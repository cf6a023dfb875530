package naming

import (
	"errors"
	"fmt"
	"strings"
)

// elem is a piece of a template: exactly one of its parts is set.
type elem struct {
	lit   string // literal; may hold slashes until the template is split
	field *fieldElem
	alts  []string // anonymous alternatives
	any   bool     // * : any text
	opt   []elem   // optional part
}

// fieldElem is {name:spec}.
type fieldElem struct {
	name string
	spec string // "" : as the scheme's fields say
}

// parseTemplate takes a template apart.
func parseTemplate(s string) ([]elem, error) {
	p := &templateParser{s: s}
	elems, err := p.elems(0)
	if err != nil {
		return nil, fmt.Errorf("template %q, byte %d: %w", s, p.i+1, err)
	}
	return elems, nil
}

type templateParser struct {
	s string
	i int
}

// elems reads until the end of the template, or of the optional part that close ends.
func (p *templateParser) elems(close byte) (out []elem, err error) {
	lit := func(s string) {
		if n := len(out); n > 0 && out[n-1].lit != "" {
			out[n-1].lit += s
		} else {
			out = append(out, elem{lit: s})
		}
	}
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; c {
		case close:
			return out, nil
		case '\\':
			if p.i++; p.i == len(p.s) {
				return nil, errors.New(`nothing follows the \`)
			}
			lit(p.s[p.i : p.i+1])
		case '{':
			f, err := p.field()
			if err != nil {
				return nil, err
			}
			out = append(out, elem{field: f})
		case '(':
			end := strings.IndexByte(p.s[p.i:], ')')
			if end < 0 {
				return nil, errors.New("the ( is not closed")
			}
			alts := strings.Split(p.s[p.i+1:p.i+end], "|")
			for _, a := range alts {
				if strings.ContainsAny(a, `{}[]()*\`) {
					return nil, fmt.Errorf("alternative %q: alternatives are plain text", a)
				}
			}
			out = append(out, elem{alts: alts})
			p.i += end
		case '[':
			p.i++
			opt, err := p.elems(']')
			if err != nil {
				return nil, err
			}
			if p.i == len(p.s) {
				return nil, errors.New("the [ is not closed")
			}
			if !holds(opt, func(e *elem) bool { return e.field != nil }) {
				return nil, errors.New("an optional part needs a field, or its name cannot be made again from its values")
			}
			out = append(out, elem{opt: opt})
		case '*':
			if strings.HasPrefix(p.s[p.i:], "**") {
				lit("**")
				p.i++
			} else {
				out = append(out, elem{any: true})
			}
		case '}', ']', ')':
			return nil, fmt.Errorf(`%c without its opening; write \%c for the character itself`, c, c)
		default:
			lit(p.s[p.i : p.i+1])
		}
	}
	return out, nil
}

// field reads {name:spec}. A spec between slashes may hold braces.
func (p *templateParser) field() (*fieldElem, error) {
	rest := p.s[p.i+1:]
	end := strings.IndexByte(rest, '}')
	if colon := strings.IndexByte(rest, ':'); colon >= 0 && colon < end && strings.HasPrefix(rest[colon:], ":/") {
		if end = strings.Index(rest, "/}"); end >= 0 {
			end++
		}
	}
	if end < 0 {
		return nil, errors.New("the { is not closed")
	}
	name, spec, hasSpec := strings.Cut(rest[:end], ":")
	switch {
	case name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" || name[0] >= '0' && name[0] <= '9':
		return nil, fmt.Errorf("field %q: want a name of letters, digits and _", name)
	case hasSpec && spec == "":
		return nil, fmt.Errorf("field %s: nothing follows the colon", name)
	}
	p.i += end + 1
	return &fieldElem{name, spec}, nil
}

// holds reports whether an element, or one in an optional part, has a property.
func holds(elems []elem, has func(*elem) bool) bool {
	for i := range elems {
		if has(&elems[i]) || holds(elems[i].opt, has) {
			return true
		}
	}
	return false
}

// variant of a template: optional parts and alternatives with a slash are decided.
type variantElems struct {
	elems  []elem
	absent []string // fields of the optional parts that were left out
}

// maxVariants bounds what one template may stand for.
const maxVariants = 64

// expand returns the templates that a template with optional directories stands for.
func expand(elems []elem) ([]variantElems, error) {
	out := []variantElems{{}}
	for i := range elems {
		e := &elems[i]
		var choices []variantElems
		switch {
		case e.opt != nil && holds(e.opt, func(e *elem) bool { return strings.Contains(e.lit, "/") || hasSlash(e.alts) }):
			inner, err := expand(e.opt)
			if err != nil {
				return nil, err
			}
			choices = append(inner, variantElems{absent: fieldNames(e.opt)})
		case hasSlash(e.alts):
			for _, a := range e.alts {
				choices = append(choices, variantElems{elems: []elem{{lit: a}}})
			}
		default:
			choices = []variantElems{{elems: []elem{*e}}}
		}
		var next []variantElems
		for _, v := range out {
			for _, c := range choices {
				next = append(next, variantElems{
					append(append([]elem{}, v.elems...), c.elems...), append(append([]string{}, v.absent...), c.absent...)})
			}
		}
		if out = next; len(out) > maxVariants {
			return nil, fmt.Errorf("more than %d combinations of optional directories", maxVariants)
		}
	}
	return out, nil
}

func hasSlash(alts []string) bool {
	for _, a := range alts {
		if strings.Contains(a, "/") {
			return true
		}
	}
	return false
}

func fieldNames(elems []elem) (names []string) {
	holds(elems, func(e *elem) bool {
		if e.field != nil {
			names = append(names, e.field.name)
		}
		return false
	})
	return names
}

// split cuts elements at the slashes of their literals.
func split(elems []elem) [][]elem {
	out := [][]elem{nil}
	for _, e := range elems {
		if !strings.Contains(e.lit, "/") {
			out[len(out)-1] = append(out[len(out)-1], e)
			continue
		}
		for i, part := range strings.Split(e.lit, "/") {
			if i > 0 {
				out = append(out, nil)
			}
			if part != "" {
				out[len(out)-1] = append(out[len(out)-1], elem{lit: part})
			}
		}
	}
	return out
}

// source writes elements as a template again, for people.
func source(elems []elem) string {
	var b strings.Builder
	for _, e := range elems {
		switch {
		case e.field != nil:
			b.WriteString("{" + e.field.name + "}")
		case e.alts != nil:
			b.WriteString("(" + strings.Join(e.alts, "|") + ")")
		case e.any:
			b.WriteString("*")
		case e.opt != nil:
			b.WriteString("[" + source(e.opt) + "]")
		default:
			b.WriteString(e.lit)
		}
	}
	return b.String()
}
